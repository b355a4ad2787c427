# The shipped library: every area in one archive, exported as modelmesh::modelmesh.
get_property(areas GLOBAL PROPERTY MODELMESH_AREAS)
get_property(links GLOBAL PROPERTY MODELMESH_LINKS)
list(REMOVE_DUPLICATES links)

add_library(modelmesh STATIC)
add_library(modelmesh::modelmesh ALIAS modelmesh)
foreach(area IN LISTS areas)
    target_sources(modelmesh PRIVATE $<TARGET_OBJECTS:${area}>)
endforeach()
target_include_directories(modelmesh PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
target_compile_features(modelmesh PUBLIC cxx_std_20)
target_link_libraries(modelmesh PUBLIC Boost::headers Threads::Threads PRIVATE ${links})
# g++ needs the switch for coroutines only below C++20 mode; users with an older default would get a riddle instead.
target_compile_options(modelmesh INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fcoroutines>)
if(MODELMESH_ASIO_IO_URING)
    # Asio's service types change with these: whoever links us must be compiled with them too.
    target_compile_definitions(modelmesh PUBLIC BOOST_ASIO_HAS_IO_URING=1 BOOST_ASIO_DISABLE_EPOLL=1)
    target_link_libraries(modelmesh PUBLIC PkgConfig::liburing)
endif()
set_target_properties(modelmesh PROPERTIES LINKER_LANGUAGE CXX)
if(MODELMESH_SANITIZE)
    # Whoever links an instrumented archive needs the sanitizer's runtime.
    target_compile_options(modelmesh PUBLIC "$<BUILD_INTERFACE:${MODELMESH_SANITIZE_FLAGS}>")
    target_link_options(modelmesh PUBLIC "$<BUILD_INTERFACE:${MODELMESH_SANITIZE_FLAGS}>")
    if(MODELMESH_SANITIZE MATCHES "thread")
        target_compile_options(modelmesh PUBLIC
            "$<BUILD_INTERFACE:SHELL:-include ${PROJECT_SOURCE_DIR}/cmake/asio_for_tsan.hpp>")
    endif()
endif()
