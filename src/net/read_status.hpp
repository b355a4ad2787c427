// What a body answers when it is asked for its next bytes.
#pragma once

#include <cstdint>

namespace modelmesh::net {

enum class read_status : std::uint8_t {
    slice,       ///< the slice has at least one byte
    would_block, ///< nothing has arrived yet
    end,         ///< the message is complete
};

} // namespace modelmesh::net
