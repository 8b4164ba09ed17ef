# The pages' templates and assets (web/), built into postil_console.
find_path(CTEMPLATE_INCLUDE ctemplate/template.h REQUIRED)
find_library(CTEMPLATE_LIBRARY ctemplate REQUIRED)
file(GLOB web_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/web/templates/*.html ${CMAKE_SOURCE_DIR}/web/assets/*
     ${CMAKE_SOURCE_DIR}/web/openapi.json)
postil_embed(postil_console web_files ${CMAKE_SOURCE_DIR}/web ${web_sources})
