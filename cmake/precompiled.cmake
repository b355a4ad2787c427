# modelmesh_precompiled(<name> [PIC] HEADERS <header>... [LINK <target>...])
# modelmesh_use_precompiled(<target> <name>)
#
# Headers that nearly every file of a kind includes, compiled once. Only with MODELMESH_PCH, which the presets have that
# build everything once more for a sanitizer or a backend; the others stay without, so that a file that forgets an
# include does not compile there.
function(modelmesh_precompiled name)
    cmake_parse_arguments(PARSE_ARGV 1 pch "PIC" "" "HEADERS;LINK")
    if(NOT MODELMESH_PCH)
        return()
    endif()
    set(source "${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp")
    file(GENERATE OUTPUT "${source}" CONTENT "")
    add_library(${name} OBJECT "${source}")
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/include")
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ${pch_PIC})
    target_link_libraries(${name} PRIVATE modelmesh_flags modelmesh_asio ${pch_LINK})
    target_precompile_headers(${name} PRIVATE ${pch_HEADERS})
endfunction()

function(modelmesh_use_precompiled target name)
    if(MODELMESH_PCH)
        target_precompile_headers(${target} REUSE_FROM ${name})
    endif()
endfunction()

modelmesh_precompiled(modelmesh_area_headers PIC HEADERS
    <modelmesh/core/result.hpp> <modelmesh/core/task.hpp> <boost/asio/co_spawn.hpp> <boost/asio/io_context.hpp>
    <boost/asio/post.hpp> <boost/asio/this_coro.hpp> <algorithm> <array> <chrono> <memory> <optional> <string> <vector>)
