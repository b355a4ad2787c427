// The server-sent event that the streams are made of: 200 bytes that look like a chat chunk and say which
// stream they belong to, their place in it, and when they were sent.
#pragma once

#include "support/measure.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::bench {

inline constexpr std::size_t event_size = 200;
inline constexpr std::string_view done_event = "data: [DONE]\n\n";

struct event_stamp {
    std::uint64_t stream = 0;
    std::uint64_t sequence = 0;
    std::uint64_t sent_ns = 0;
};

namespace detail {
// Numbers have fixed places, so that neither writing nor checking costs a search.
inline constexpr std::string_view field = "data: ";
inline constexpr std::string_view data_start = R"({"id":")";
inline constexpr std::size_t stream_digits = 7;
inline constexpr std::size_t sequence_digits = 9;
inline constexpr std::size_t sent_digits = 19;
inline constexpr std::string_view before_sequence = R"(","n":")";
inline constexpr std::string_view before_sent = R"(","sent":")";
inline constexpr std::string_view before_text =
    R"(","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":")";
inline constexpr std::string_view text_end = "\"}}]}";
inline constexpr std::size_t stream_at = field.size() + data_start.size();
inline constexpr std::size_t sequence_at = stream_at + stream_digits + before_sequence.size();
inline constexpr std::size_t sent_at = sequence_at + sequence_digits + before_sent.size();
inline constexpr std::size_t text_at = sent_at + sent_digits + before_text.size();

inline void put_digits(char* to, std::size_t digits, std::uint64_t value) {
    for (std::size_t i = digits; i-- > 0; value /= 10) to[i] = static_cast<char>('0' + value % 10);
}
inline std::uint64_t take_digits(const char* from, std::size_t digits) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < digits; ++i)
        value = value * 10 + static_cast<std::uint64_t>(from[i]) - std::uint64_t{'0'};
    return value;
}
} // namespace detail

/// An event with the stream's number in place, to be stamped again and again.
inline std::string make_event(std::uint64_t stream) {
    using namespace detail;
    std::string event(field);
    event.append(data_start);
    event.append(stream_digits, '0').append(before_sequence).append(sequence_digits, '0').append(before_sent);
    event.append(sent_digits, '0').append(before_text);
    event.append(event_size - text_at - text_end.size() - 2, 'x').append(text_end).append("\n\n");
    put_digits(event.data() + stream_at, stream_digits, stream);
    return event;
}

inline void stamp_event(char* event, std::uint64_t sequence, std::uint64_t sent_ns) {
    detail::put_digits(event + detail::sequence_at, detail::sequence_digits, sequence);
    detail::put_digits(event + detail::sent_at, detail::sent_digits, sent_ns);
}

/// @param data  of an event, without the field's name and the line's end; nothing if it is not one of ours.
inline std::optional<event_stamp> read_event_data(std::string_view data) {
    using namespace detail;
    const auto at = [data](std::size_t place) { return data.data() + place - field.size(); };
    constexpr std::size_t size = event_size - field.size() - 2;
    if (data.size() != size || !data.starts_with(data_start) || !data.ends_with(text_end))
        return std::nullopt;
    if (std::string_view(at(text_at - before_text.size()), before_text.size()) != before_text)
        return std::nullopt;
    return event_stamp{take_digits(at(stream_at), stream_digits),
                       take_digits(at(sequence_at), sequence_digits), take_digits(at(sent_at), sent_digits)};
}

/// @param event  as it is on the wire.
inline std::optional<event_stamp> read_event(std::string_view event) {
    if (!event.starts_with(detail::field) || !event.ends_with("\n\n")) return std::nullopt;
    return read_event_data(event.substr(detail::field.size(), event.size() - detail::field.size() - 2));
}

/// What all streams of a run have received.
struct event_tally {
    std::uint64_t received = 0;  ///< in their stream and in order
    std::uint64_t misplaced = 0; ///< of another stream, or out of order
    std::uint64_t malformed = 0;
    bool in_window = false; ///< latency counts
    latencies latency;

    /// @param expected  the next number in the stream; moves past the event.
    void take(std::optional<event_stamp> event, std::uint64_t stream, std::uint64_t& expected,
              std::uint64_t now) {
        if (!event) {
            ++malformed;
            return;
        }
        if (event->stream != stream || event->sequence != expected) ++misplaced;
        if (event->stream == stream && event->sequence == expected) ++received;
        expected = event->sequence + 1;
        if (in_window) latency.add(now - event->sent_ns);
    }
};

/// Cuts the body of one stream into events, wherever the slices end. Expects the bytes exactly as they were
/// sent.
class event_checker {
public:
    explicit event_checker(std::uint64_t stream) : stream_(stream) {}

    void feed(std::string_view slice, std::uint64_t now, event_tally& tally) {
        if (!rest_.empty()) {
            const std::size_t missing = event_size - rest_.size();
            rest_.append(slice.substr(0, missing));
            slice.remove_prefix(slice.size() < missing ? slice.size() : missing);
            if (rest_.size() < event_size) return;
            tally.take(read_event(rest_), stream_, expected_, now);
            rest_.clear();
        }
        for (; slice.size() >= event_size; slice.remove_prefix(event_size))
            tally.take(read_event(slice.substr(0, event_size)), stream_, expected_, now);
        rest_.assign(slice);
    }
    /// At the end of the body: whether the stream said that it is complete.
    [[nodiscard]] bool is_done() const { return rest_ == done_event; }

private:
    std::uint64_t stream_;
    std::uint64_t expected_ = 0;
    std::string rest_;
};

} // namespace modelmesh::bench
