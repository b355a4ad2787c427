// A provider's key that is written elsewhere, and read again when it is refused.
#pragma once

#include "router/transport.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace modelmesh::router {

/// Reads once for all who ask meanwhile. Threads: any.
class key_renewal {
public:
    /// Least time from one reading to the next: a key that is dead is no reason to ask a store for every request.
    static constexpr std::chrono::seconds pace{10};

    /// May block.
    using reading = std::function<result<std::string>()>;
    /// Runs work where it may block, some time; or never, when the program ends.
    using background = std::function<void(std::function<void()>)>;

    key_renewal(reading read, background elsewhere)
        : read_(std::move(read)), elsewhere_(std::move(elsewhere)) {}

    /// Completes with what the key is, or was at the last reading if that is a moment ago: the caller may have been
    /// refused with the one before. Nothing: it cannot be read, or not by `until`, or not within `pace` of the reading's
    /// begin: for one that hangs, those who come later do not wait. Errors: canceled.
    /// @param via  outlives the task.
    [[nodiscard]] static task<result<std::optional<std::string>>> read(std::shared_ptr<key_renewal> self,
                                                                       transport& via, time_point until);

private:
    /// Whether the reading of this number is over; then `key` is what the last one said.
    [[nodiscard]] bool is_over(unsigned number, std::optional<std::string>& key);
    /// The number of the reading to wait for, no longer than until `until`, which is made earlier; nothing: it is too
    /// early for one, and `key` is what the last one said.
    [[nodiscard]] static std::optional<unsigned> join(const std::shared_ptr<key_renewal>& self,
                                                      time_point now, time_point& until,
                                                      std::optional<std::string>& key);
    void finish(result<std::string> read);

    const reading read_;
    const background elsewhere_;

    std::mutex mutex_; ///< guards what follows
    bool is_reading_ = false;
    unsigned number_ = 0; ///< of the last reading that began
    time_point next_at_{};
    std::optional<std::string> key_; ///< what it said; nothing: it failed
};

} // namespace modelmesh::router
