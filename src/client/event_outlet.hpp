// Where the events of one client go: to the program's log, and to the sinks of its configuration.
#pragma once

#include "core/published.hpp"

#include <modelmesh/config/key_source.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/core/redactor.hpp>
#include <modelmesh/event_hub.hpp>

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::detail {

/// Secrets are taken out of what is told to either. A client without sinks has no hub and no thread for one.
/// Threads: any. hub_: release by show() and acquire by the others, once in the outlet's life.
class event_outlet final : public log_sink {
public:
    /// Of a provider's keys that were read again, this many are hidden, the newest: requests with one of those before
    /// may be under way.
    static constexpr std::size_t kept_keys = 4;
    /// And of all providers', also of those that no configuration has any more.
    static constexpr std::size_t kept_keys_of_all = 1024;

    /// @param program  may be null; outlives the outlet.
    explicit event_outlet(log_sink* program);

    /// Goes on with these sinks; see event_hub::replace(). What was hidden before stays so until the next time: calls
    /// under way may still say it. When it throws, nothing has changed.
    void show(std::vector<sink_plan> sinks, redactor secrets);
    /// Nobody gets to see it from now on. When it throws, nothing has changed. Where it is the provider's newest already,
    /// there is nothing to do.
    void hide(const std::string& provider, const resolved_key& key);
    /// All that is hidden now; never null.
    [[nodiscard]] std::shared_ptr<const redactor> secrets() const { return known_.load(); }

    [[nodiscard]] bool wants(severity level) const noexcept override;
    void write(severity level, std::string_view event, std::span<const log_field> fields) noexcept override;

private:
    struct renewed_key {
        std::string provider;
        resolved_key key;
    };
    /// Hands both over; when it throws, neither has them.
    void publish(std::vector<sink_plan> sinks, redactor all);
    void tell_program(severity level, std::string_view event, std::span<const log_field> fields) const;

    log_sink* const program_;
    std::atomic<event_hub*> hub_{nullptr};
    core::published<redactor> known_;

    std::mutex mutex_; ///< guards what follows
    std::unique_ptr<event_hub> owned_;
    std::vector<sink_plan> sinks_;
    redactor configured_;             ///< by the configuration, and by the one before
    redactor current_;                ///< by the configuration alone
    std::deque<renewed_key> renewed_; ///< oldest first
};

} // namespace modelmesh::detail
