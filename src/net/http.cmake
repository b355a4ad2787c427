# HTTP over net::stream: connections, pools, the client.
modelmesh_area(net
    SOURCES client.cpp connection_pool.cpp exchange.cpp http1_connection.cpp http1_pipeline.cpp
            http1_server_connection.cpp http2_connection.cpp http2_server_connection.cpp http_date.cpp linger.cpp
            received_body.cpp server.cpp upload.cpp
    USES transport proto http core)
set_source_files_properties(client.cpp PROPERTIES COMPILE_DEFINITIONS "MODELMESH_VERSION=\"${PROJECT_VERSION}\"")
