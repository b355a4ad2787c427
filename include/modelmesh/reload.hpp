// Another configuration for a client that goes on: what it changed, and files that are watched for it.
#pragma once

#include <modelmesh/core/function.hpp>
#include <modelmesh/core/result.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace modelmesh {

namespace detail {
class client_impl;
class file_watch;
} // namespace detail

/// Names, in the order of the configuration.
struct name_changes {
    std::vector<std::string> added{};
    std::vector<std::string> removed{};
    std::vector<std::string> changed{};

    [[nodiscard]] bool empty() const noexcept { return added.empty() && removed.empty() && changed.empty(); }
    friend bool operator==(const name_changes&, const name_changes&) = default;
};

/// What a reload changed. Values are not in it: some of them are secrets.
struct reload_report {
    name_changes providers{};
    name_changes pools{};
    /// Ids. Those of providers that have to be asked are added when they have answered, and are not in it. Changed are
    /// those whose own budget or prices are.
    name_changes models{};
    /// Other members of the configuration that differ, like `budget`; also `providers` or `pools` when only the order
    /// is another. What is made once for a client, like its storage, stays as it was made.
    std::vector<std::string> settings{};

    [[nodiscard]] bool empty() const noexcept {
        return providers.empty() && pools.empty() && models.empty() && settings.empty();
    }
    friend bool operator==(const reload_report&, const reload_report&) = default;
};

class watch_options {
public:
    /// How long the files must be left alone before they are read: editors and deployments write in several steps.
    /// A directory that is never at rest is waited for ten times as long.
    std::chrono::milliseconds settle{100};
    /// Also reload when the process gets SIGHUP, whether the files have changed or not: for secrets and environment
    /// variables that they refer to. Replaces the process's handler of that signal while the watch lives.
    bool on_sighup = false;
    /// Called with each outcome, on the library's I/O thread. Must not block, and may destroy the watch. What it throws
    /// goes to the log, as `config.watch_failed`, and the watch goes on.
    function<void(const result<reload_report>&)> on_outcome{};
};

/// Reloads while it lives, from the files that the paths named when it was made, wherever the program's directory is by
/// then. What changed before it was made is not seen. Threads: use it from one at a time.
class config_watch {
public:
    config_watch(config_watch&&) noexcept = default;
    config_watch& operator=(config_watch&& other) noexcept {
        if (this != &other) {
            stop();
            watch_ = std::move(other.watch_);
        }
        return *this;
    }
    ~config_watch() { stop(); }

    /// Afterwards nothing is reloaded or called any more: waits for a reload that is just being done, unless it is
    /// called from `on_outcome`. Again: nothing.
    void stop() noexcept;

private:
    friend class detail::client_impl;
    explicit config_watch(std::shared_ptr<detail::file_watch> watch) noexcept : watch_(std::move(watch)) {}
    std::shared_ptr<detail::file_watch> watch_;
};

} // namespace modelmesh
