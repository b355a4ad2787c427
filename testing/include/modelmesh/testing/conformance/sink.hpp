// What every sink of events promises; used as those of a storage (conformance/storage.hpp).
#pragma once

#include <modelmesh/connector/observability.hpp>
#include <modelmesh/testing/conformance/promise.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace modelmesh::testing {

struct sink_kit {
    std::function<std::unique_ptr<connector::event_sink>()> make;
};
using sink_promise = promise<sink_kit>;

namespace detail {

inline result<void> tell(connector::event_sink& to, std::uint64_t sequence, std::string_view name,
                         const std::vector<log_field>& fields, severity level = severity::info) {
    const connector::event told{sequence, std::chrono::system_clock::time_point{std::chrono::hours(500'000)},
                                level, name, fields};
    return to.write(told);
}

inline void takes_every_event(const sink_kit& of, broken& told) {
    const auto made = of.make();
    std::uint64_t sequence = 0;
    for (const severity level :
         {severity::debug, severity::info, severity::warning, severity::error, severity::critical})
        told.expect_value(tell(*made, ++sequence, "request.success", {{"model", "a.m"}}, level), "an event");
    told.expect_value(tell(*made, ++sequence, "acme.unknown", {{"x", ""}, {"x", "1"}}),
                      "an event that no list has, with a field that it has twice");
    told.expect_value(tell(*made, ++sequence, "request.failure", {}), "an event without fields");
    made->flush();
}

// What servers said is in events as it came.
inline void takes_any_text(const sink_kit& of, broken& told) {
    const auto made = of.make();
    std::string bytes;
    for (int each = 0; each < 256; ++each) bytes.push_back(static_cast<char>(each));
    const std::string much(1u << 20, 'x');
    std::uint64_t sequence = 0;
    for (const std::string& text : {bytes, much, std::string("line\nline\r\n\"\\"), std::string("\x1b[2J")})
        told.expect_value(tell(*made, ++sequence, "attempt.failed", {{"message", text}}),
                          "an event with an odd text");
    made->flush();
}

inline void is_flushed_at_any_time(const sink_kit& of, broken& told) {
    const auto made = of.make();
    made->flush();
    told.expect_value(tell(*made, 1, "request.success", {{"model", "a.m"}}), "an event after a flush");
    made->flush();
    made->flush();
}

} // namespace detail

inline constexpr sink_promise sink_promises[] = {
    {"takes_every_event", detail::takes_every_event},
    {"takes_any_text", detail::takes_any_text},
    {"is_flushed_at_any_time", detail::is_flushed_at_any_time},
};

} // namespace modelmesh::testing
