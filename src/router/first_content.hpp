// Where a streamed reply begins to say something.
#pragma once

#include <modelmesh/api/chat/chunk.hpp>
#include <modelmesh/connector/operation.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/json/read.hpp>

#include <string_view>

namespace modelmesh::router {

/// Tells the chunk that commits a stream to its model, because the reader is about to see something of the
/// reply, from the preamble before it, behind which another model can still take over.
class first_content {
public:
    explicit first_content(operation what) : operation_(what) {}
    /// @param piece  the next chunk. Errors: protocol, it is none.
    [[nodiscard]] result<bool> is_in(std::string_view piece);

private:
    operation operation_;
    json::reader reader_;
    chat::chunk chunk_;
};

} // namespace modelmesh::router
