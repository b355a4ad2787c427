// A reply that is read piece by piece, whatever it is a reply to.
#pragma once

#include <modelmesh/api/route.hpp>
#include <modelmesh/core/error.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace modelmesh::router {

/// What a reply was counted with.
struct token_counts {
    std::int64_t input;
    std::int64_t output;
};

enum class stream_state : std::uint8_t { chunk, pending, end };

/// Owned by the reader; used on the event loop of the transport that opened it. Destroying it abandons the
/// reply.
class reply_stream {
public:
    virtual ~reply_stream() = default;

    /// Takes the next piece that has arrived. It is valid until the next call, with 64 readable bytes after it.
    /// Errors: protocol when the reply was cut short or is none; what the vendor reported.
    virtual result<stream_state> try_next(std::string_view& piece) = 0;
    /// Completes when try_next would not answer pending.
    virtual task<result<void>> wait() = 0;
    /// Tells of a failure that the reader met: a chunk that is no JSON, a wait() that failed. It ends the stream and
    /// comes back completed; later reads fail the same way, unless only this read was cancelled. Nothing: the stream
    /// goes on at another model, read on.
    virtual std::optional<fault> fail(fault f) = 0;
    /// The reader has seen the reply's end, which may come before the stream's: many do not read on.
    virtual void served() = 0;
    /// What the reply cost in micro-dollars, once it has ended; nothing: not known, or not billed by itself.
    [[nodiscard]] virtual std::optional<std::int64_t> cost() const noexcept { return std::nullopt; }
    /// Who serves the stream since it went on elsewhere; null: who served it first.
    [[nodiscard]] virtual const modelmesh::route* moved_to() const noexcept { return nullptr; }
    /// The same of its tokens.
    [[nodiscard]] virtual std::optional<token_counts> tokens() const noexcept { return std::nullopt; }
};

} // namespace modelmesh::router
