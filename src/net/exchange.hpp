// One request and its answer, as the handler of a server sees them, whatever the version of HTTP.
#pragma once

#include "net/read_status.hpp"

#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>
#include <modelmesh/http/message.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::net {

/// The head of the request is there when the handler begins; its body arrives while it runs. Used on the
/// server's thread and until the handler's task is over; so does every view that it gives. A task must be
/// awaited before the next call.
///
/// A client that closes its connection, or only its sending half, or resets the stream (HTTP/2), before it
/// has its answer is gone: the operation that the handler awaits is cancelled, whatever it is, and every
/// later await throws (Asio's operation_aborted, unless the handler has turned that off). This is seen at
/// once when the request's body was read to its last byte, and always in HTTP/2; else only by reading on.
class exchange {
public:
    [[nodiscard]] virtual std::string_view method() const noexcept = 0;
    /// The path with its query, or "*".
    [[nodiscard]] virtual std::string_view target() const noexcept = 0;
    [[nodiscard]] virtual std::string_view host() const noexcept = 0;
    [[nodiscard]] virtual const http::headers& headers() const noexcept = 0;
    [[nodiscard]] virtual http::headers take_headers() noexcept = 0;
    /// Length of the request's body when it was announced.
    [[nodiscard]] virtual std::optional<std::uint64_t> content_length() const noexcept = 0;

    /// Takes bytes of the request's body that have arrived; never suspends. The slice is valid until the next
    /// call of any reading function, and chunk::padding bytes past it may be read. Errors, which repeat:
    /// protocol for a body that is malformed or longer than allowed (fault::http_status is the answer that it
    /// deserves); canceled, the client is gone.
    virtual result<read_status> try_read(std::string_view& slice) = 0;
    /// Completes when try_read may have more to tell than would_block. Lets a client go on that waits to be
    /// asked for the body, unless the answer is under way. Errors: timed_out, canceled.
    [[nodiscard]] virtual task<result<void>> wait() = 0;
    /// The next slice, or nothing at the end. Lifetime and errors as above.
    [[nodiscard]] task<result<std::optional<std::string_view>>> read();
    /// What is left of the body. Its size is limited by the server's settings. Errors as above.
    [[nodiscard]] task<result<std::string>> read_all();

    /// Begins the answer; sends nothing yet. @param length  of the body when it is known, else it is streamed
    /// with each slice framed by itself. Errors: config, a status or field that is not allowed on the wire.
    /// Once per exchange, unless it failed.
    virtual result<void> start(int status, const http::headers& headers,
                               std::optional<std::uint64_t> length = std::nullopt) = 0;
    /// Sends a slice of the body, and the head with it if that is still here; one system call at most, and no
    /// copy, or one in HTTP/2, where others' slices may go with it. Completes when the kernel has taken it.
    /// @param slice  valid until then; an empty one sends only the head. Errors: timed_out, the client does
    /// not read; canceled or connect, it is gone. The exchange is lost then. @throws std::invalid_argument
    /// more than the announced length, nothing was started, or the answer is finished.
    [[nodiscard]] virtual task<result<void>> write(std::string_view slice) = 0;
    /// The last slice, and the end. An answer that is not finished is cut off, so that the client sees it.
    [[nodiscard]] virtual task<result<void>> finish(std::string_view last = {}) = 0;
    /// start() and finish() at once. @param body  valid until completion. Errors: of both.
    [[nodiscard]] task<result<void>> respond(int status, const http::headers& headers, std::string_view body);

    [[nodiscard]] virtual bool has_started() const noexcept = 0;

protected:
    ~exchange() = default;
};

} // namespace modelmesh::net
