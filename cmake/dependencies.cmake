# What the library links. All of it comes from the distribution (scripts/bootstrap); nothing is downloaded here.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(simdjson REQUIRED)
find_package(SQLite3 3.37 REQUIRED)
pkg_check_modules(liburing REQUIRED IMPORTED_TARGET liburing>=2.3)
pkg_check_modules(libnghttp2 REQUIRED IMPORTED_TARGET libnghttp2>=1.52)
pkg_check_modules(yaml-cpp REQUIRED IMPORTED_TARGET yaml-cpp>=0.7)

# Boost.Asio as the areas see it. One program must have one layout of its services: what is installed says so again.
add_library(modelmesh_asio INTERFACE)
target_link_libraries(modelmesh_asio INTERFACE Boost::headers Threads::Threads)
if(MODELMESH_ASIO_IO_URING)
    target_compile_definitions(modelmesh_asio INTERFACE BOOST_ASIO_HAS_IO_URING=1 BOOST_ASIO_DISABLE_EPOLL=1)
    target_link_libraries(modelmesh_asio INTERFACE PkgConfig::liburing)
endif()
