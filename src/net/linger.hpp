// How a server leaves a connection.
#pragma once

#include "net/stream.hpp"

#include <modelmesh/core/task.hpp>

namespace modelmesh::net {

/// A socket that is closed with bytes unread resets the connection, and the client may lose what it has not
/// read yet. So our side ends first, and what the client sends is thrown away until it has ended, too, but
/// not beyond `until`, nor without measure. Both must outlive the task.
[[nodiscard]] task<void> linger(stream& link, chunk& input, time_point until);

} // namespace modelmesh::net
