// What the library has written to its log, one line for each event: `name key=value key=value`.
#pragma once

#include <modelmesh/core/log.hpp>

#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

/// Threads: events may come from any.
class event_list final : public modelmesh::log_sink {
public:
    struct choice {
        modelmesh::severity least = modelmesh::severity::debug;
        std::string_view events{};                            ///< how their names begin
        bool (*shows)(const modelmesh::log_field&) = nullptr; ///< fields that are in a line; null: all
        bool has_ids = false; ///< else of a request's id, which is random, only that there is one
    };
    event_list() = default;
    explicit event_list(choice which) : choice_(std::move(which)) {}

    [[nodiscard]] bool wants(modelmesh::severity level) const noexcept override {
        return level >= choice_.least;
    }
    void write(modelmesh::severity level, std::string_view event,
               std::span<const modelmesh::log_field> fields) noexcept override {
        if (!wants(level) || !event.starts_with(choice_.events)) return;
        std::string line(event);
        for (const modelmesh::log_field& each : fields) {
            if (choice_.shows != nullptr && !choice_.shows(each)) continue;
            line.append(" ").append(each.key);
            if (choice_.has_ids || each.key != "request_id") line.append("=").append(each.value);
        }
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
    }

    /// Those that begin so.
    [[nodiscard]] std::vector<std::string> lines(std::string_view begin = {}) const {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> found;
        for (const std::string& each : lines_)
            if (each.starts_with(begin)) found.push_back(each);
        return found;
    }
    void clear() {
        const std::lock_guard lock(mutex_);
        lines_.clear();
    }

private:
    const choice choice_{};
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

} // namespace support
