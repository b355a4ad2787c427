// --engine of the programs that are ours.
#pragma once

#include "net/engine.hpp"

#include <stdexcept>
#include <string_view>

namespace modelmesh::bench {

/// @throws std::invalid_argument
inline net::engine_kind engine_named(std::string_view name) {
    if (name == "auto") return net::engine_kind::automatic;
    if (name == "uring") return net::engine_kind::uring;
    if (name == "epoll") return net::engine_kind::epoll;
    throw std::invalid_argument("--engine is auto, uring or epoll");
}

} // namespace modelmesh::bench
