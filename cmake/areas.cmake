# modelmesh_area(<name> SOURCES ... [USES <area>...] [LINK <target>...])
#
# One object library per area of src/ and connectors/. USES names the lower areas whose headers and symbols it may
# use; LINK names third-party targets. The shipped library is the sum of all areas (cmake/library.cmake); a test
# links only the area it is about, so a forbidden or circular dependency fails at link time.
set_property(GLOBAL PROPERTY MODELMESH_AREAS "")
set_property(GLOBAL PROPERTY MODELMESH_LINKS "")

function(modelmesh_area name)
    cmake_parse_arguments(PARSE_ARGV 1 area "" "" "SOURCES;USES;LINK")
    set(target modelmesh_${name})
    add_library(${target} OBJECT ${area_SOURCES})
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(${target} PRIVATE modelmesh_flags PUBLIC modelmesh_asio ${area_LINK})
    target_compile_features(${target} PUBLIC cxx_std_20)
    foreach(lower IN LISTS area_USES)
        # Usage requirements only: the objects of lower areas are added once, by the library or by a test.
        target_link_libraries(${target} PUBLIC modelmesh_${lower})
    endforeach()
    modelmesh_use_precompiled(${target} modelmesh_area_headers)
    set_target_properties(${target} PROPERTIES MODELMESH_USES "${area_USES}")
    set_property(GLOBAL APPEND PROPERTY MODELMESH_AREAS ${target})
    set_property(GLOBAL APPEND PROPERTY MODELMESH_LINKS ${area_LINK})
endfunction()

# modelmesh_use_areas(<target> <area>...): links the objects of these areas and of every area they use.
function(modelmesh_use_areas target)
    set(pending ${ARGN})
    set(seen "")
    while(pending)
        list(POP_FRONT pending area)
        if(area IN_LIST seen)
            continue()
        endif()
        list(APPEND seen ${area})
        get_target_property(uses modelmesh_${area} MODELMESH_USES)
        if(uses)
            list(APPEND pending ${uses})
        endif()
        target_link_libraries(${target} PRIVATE modelmesh_${area})
    endwhile()
endfunction()
