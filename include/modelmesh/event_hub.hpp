// Events from requests to sinks, on a thread of their own.
#pragma once

#include <modelmesh/connector/observability.hpp>
#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/events.hpp>
#include <modelmesh/core/function.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/core/redactor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace modelmesh {

/// One sink and what it gets.
struct sink_plan {
    std::string name{}; ///< for `sink.failed`
    std::shared_ptr<connector::event_sink> sink{};
    severity min_severity{severity::info};
    event_filter events{};
};

class event_hub_options {
public:
    event_hub_options() = default;
    std::size_t capacity = 8192;       ///< events that may wait for the sinks; rounded up to a power of two
    std::size_t max_bytes = 16u << 20; ///< of their texts
    std::size_t max_value_bytes = 1u << 16; ///< of one field; the rest is cut off
    redactor secrets{};                     ///< taken out of every value before a sink gets it
    const clock* time = &clock::system();   ///< outlives the hub
};

/// A log_sink that never blocks: events wait in a bounded ring without locks, and one thread gives them to
/// the sinks. What
/// does not fit is dropped and counted, and told in `events.dropped` when there is room again.
/// Secrets are taken out by the name of their field, by their value, and by what texts of keys look like; see
/// redactor.
/// Cost: about a memory copy of the fields for each event; none where no sink wants the severity.
class event_hub final : public log_sink {
public:
    /// @throws std::invalid_argument  a plan without a sink. @throws std::system_error  no thread.
    explicit event_hub(std::vector<sink_plan> sinks, event_hub_options options = {});
    /// Gives the sinks what waits, and ends the thread.
    ~event_hub() override;
    event_hub(const event_hub&) = delete;
    event_hub& operator=(const event_hub&) = delete;

    [[nodiscard]] bool wants(severity level) const noexcept override;
    void write(severity level, std::string_view event, std::span<const log_field> fields) noexcept override;

    /// Goes on with other sinks. What was written before goes to those of before, which are flushed then, and let go.
    /// Sinks may be in both. Does not wait. Threads: any, also while others write.
    /// @throws std::invalid_argument  a plan without a sink: nothing has changed.
    void replace(std::vector<sink_plan> sinks, redactor secrets);

    /// Waits until the sinks have what was written before, and have flushed it. False: that took longer.
    /// Threads: any but the sinks'. Blocks.
    bool flush(std::chrono::milliseconds limit = std::chrono::seconds(5));
    /// Events that did not fit, since the hub was made.
    [[nodiscard]] std::uint64_t dropped() const noexcept;

private:
    struct state;
    std::unique_ptr<state> state_;
};

/// A sink that calls a function of the program's, on the hub's thread.
[[nodiscard]] std::shared_ptr<connector::event_sink> make_callback_sink(
    function<void(const connector::event&)> call);

} // namespace modelmesh
