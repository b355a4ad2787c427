// Which I/O engine the library runs on in this process.
#pragma once

#include <string>

namespace modelmesh {

struct engine_report {
    std::string name;   ///< "uring" or "epoll"
    std::string reason; ///< why this one, for people
};

/// The engine that calls will run on: chosen by MODELMESH_IO=auto|uring|epoll and by what the kernel allows.
/// Cost: sets an engine up and takes it down again; for diagnosis, not for a request path.
/// @throws error  config: MODELMESH_IO has another value, or demands an engine that this machine does not
/// allow.
[[nodiscard]] engine_report engine();

} // namespace modelmesh
