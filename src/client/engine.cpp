#include <modelmesh/core/engine.hpp>

#include "client/net_transport.hpp"

#include <modelmesh/core/error.hpp>

#include <boost/asio/io_context.hpp>

namespace modelmesh {

engine_report engine() {
    boost::asio::io_context loop{1};
    return detail::net_transport::of(loop).value()->report();
}

} // namespace modelmesh
