# The facts about codes (data/), built into postil_knowledge.
file(GLOB knowledge_data CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/data/codes/*.toml ${CMAKE_SOURCE_DIR}/data/status/*.toml
     ${CMAKE_SOURCE_DIR}/data/replies/*.toml ${CMAKE_SOURCE_DIR}/data/compare/*.toml
     ${CMAKE_SOURCE_DIR}/data/checks/*.toml ${CMAKE_SOURCE_DIR}/data/collisions/*.toml ${CMAKE_SOURCE_DIR}/data/guides/*.toml
     ${CMAKE_SOURCE_DIR}/data/glossary/*.toml ${CMAKE_SOURCE_DIR}/data/pace/*.toml)
postil_embed(postil_knowledge knowledge_files ${CMAKE_SOURCE_DIR}/data ${knowledge_data})
