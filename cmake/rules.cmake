# The rules of classification (data/vendors, data/rules), built into postil_diagnose.
file(GLOB rule_data CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/data/vendors/*.toml ${CMAKE_SOURCE_DIR}/data/rules/*.toml)
postil_embed(postil_diagnose rule_files ${CMAKE_SOURCE_DIR}/data ${rule_data})
