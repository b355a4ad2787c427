// Request bodies that are read while they are sent: from memory, from a file, or from anything of your own.
#pragma once

#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::http {

/// Where the body of a request comes from. It is read by one exchange at a time, from its beginning: whoever
/// sends it again in another exchange calls rewind() first. Used on the thread of the exchange's event loop.
class body_source {
public:
    virtual ~body_source() = default;

    /// How many bytes there are, when that is known before they are read; always the same. A source that
    /// gives more or fewer fails its exchange. Unknown: sent in chunks (HTTP/1.1), or without a length.
    [[nodiscard]] virtual std::optional<std::uint64_t> length() const noexcept = 0;

    /// The next bytes, at least one; nothing at the end. They stay valid until the next call of any function,
    /// and there is none before the connection has taken them. Errors fail the exchange, and the connection
    /// is closed. Cancellation: when the exchange ends first; the source is not read on afterwards, unless it
    /// is rewound.
    [[nodiscard]] virtual task<result<std::optional<std::string_view>>> read() = 0;

    /// Back to the beginning, for another attempt, also out of the middle of a read that was cancelled.
    /// False: it can be read once only, so there is none.
    [[nodiscard]] virtual bool rewind() = 0;
};

/// Bytes in memory.
[[nodiscard]] std::shared_ptr<body_source> bytes_source(std::string bytes);

/// A regular file, opened now, and read in pieces of 64 KiB on the event loop's thread. A file that has
/// become longer or shorter when it is read fails the exchange. Errors: bad_request, it cannot be opened.
[[nodiscard]] result<std::shared_ptr<body_source>> file_source(const std::string& path);

} // namespace modelmesh::http
