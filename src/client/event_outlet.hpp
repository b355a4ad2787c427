// Where the events of one client go: to the program's log, and to the sinks of its configuration.
#pragma once

#include <modelmesh/core/log.hpp>
#include <modelmesh/core/redactor.hpp>
#include <modelmesh/event_hub.hpp>

#include <atomic>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace modelmesh::detail {

/// A client without sinks has no hub and no thread for one.
/// Threads: any; show() from one at a time. hub_: release by show() and acquire by the others, once in the outlet's life.
class event_outlet final : public log_sink {
public:
    /// @param program  may be null; outlives the outlet.
    explicit event_outlet(log_sink* program) noexcept : program_(program) {}

    /// Goes on with these sinks; see event_hub::replace().
    void show(std::vector<sink_plan> sinks, redactor secrets) {
        if (owned_) return owned_->replace(std::move(sinks), std::move(secrets));
        if (sinks.empty()) return;
        event_hub_options options;
        options.secrets = std::move(secrets);
        owned_ = std::make_unique<event_hub>(std::move(sinks), std::move(options));
        hub_.store(owned_.get(), std::memory_order_release);
    }

    [[nodiscard]] bool wants(severity level) const noexcept override {
        if (program_ != nullptr && program_->wants(level)) return true;
        const event_hub* hub = hub_.load(std::memory_order_acquire);
        return hub != nullptr && hub->wants(level);
    }
    void write(severity level, std::string_view event, std::span<const log_field> fields) noexcept override {
        if (program_ != nullptr && program_->wants(level)) program_->write(level, event, fields);
        if (event_hub* hub = hub_.load(std::memory_order_acquire); hub != nullptr)
            hub->write(level, event, fields);
    }

private:
    log_sink* const program_;
    std::unique_ptr<event_hub> owned_;
    std::atomic<event_hub*> hub_{nullptr};
};

} // namespace modelmesh::detail
