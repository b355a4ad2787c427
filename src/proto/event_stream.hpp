// AWS event stream (application/vnd.amazon.eventstream): cuts the bytes of a stream into messages and checks
// their sums, without I/O and, wherever it can, without copying.
//
// Format: "Event stream encoding" in the guides of Amazon Transcribe and Lex; the encoder of
// @smithy/eventstream-codec agrees (tests/data/event_stream.json).
#pragma once

#include <modelmesh/core/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace modelmesh::proto {

/// One message. The views are valid until the next call of any function of the decoder, and while the slice
/// that was fed is; 64 bytes past the end of `payload` may be read.
struct event_stream_message {
    std::string_view headers; ///< as on the wire; well-formed
    std::string_view payload;

    /// Value of the first header of this name that is a string; empty when there is none.
    /// `:message-type` is "event", "exception" or "error"; `:event-type`, `:exception-type`, `:error-code`
    /// say which.
    [[nodiscard]] std::string_view text(std::string_view name) const noexcept;
};

/// Takes slices, gives messages: feed one, call next() until it answers false, feed the following one. A
/// message that lies inside one slice is given as views into it.
class event_stream_decoder {
public:
    static constexpr std::size_t default_limit = 16 * 1024 * 1024; ///< the format's own for a payload
    static constexpr std::size_t padding = 64;

    /// @param message_limit  bytes that one message may have on the wire.
    explicit event_stream_decoder(std::size_t message_limit = default_limit) noexcept
        : limit_(message_limit) {}

    /// @pre next() has answered false since the last slice. The slice must live until then.
    void feed(std::string_view slice) noexcept { slice_ = slice; }
    /// True: `out` is the next message. False: the slice is used up.
    /// Errors: protocol for a wrong sum, length or header, or a message beyond the limit; every later call
    /// fails the same way.
    result<bool> next(event_stream_message& out);
    /// The stream ended. Errors: protocol when it ended inside a message.
    [[nodiscard]] result<void> finish() const;

    [[nodiscard]] std::uint64_t messages() const noexcept { return messages_; }
    [[nodiscard]] std::uint64_t bytes_copied() const noexcept { return bytes_copied_; }

private:
    result<bool> read(std::string_view whole, event_stream_message& out);
    result<std::size_t> length_of(std::string_view prelude);
    void carry(std::size_t wanted);
    fault fail(std::string_view why);

    std::size_t limit_;
    std::string_view slice_;  // what is left of it
    std::string carry_;       // the beginning of a message, from earlier slices
    std::size_t length_ = 0;  // of the message that carry_ begins; 0: not known yet
    bool carry_used_ = false; // it is a message that was given out
    std::string_view why_;    // of the failure; a literal
    std::uint64_t messages_ = 0;
    std::uint64_t bytes_copied_ = 0;
};

} // namespace modelmesh::proto
