// Circuit breaker (Nygard, "Release It!"): for connectors that call a service of their own, like a vault or a
// database. Models need none: the router keeps their health.
#pragma once

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/result.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace modelmesh::connector {

/// Closed, it lets every call through; after failures in a row it opens and refuses them; after a while it lets
/// a few through (half open), whose success closes it again.
///
/// Copies share one state. Threads: any.
class circuit_breaker {
    struct core;

public:
    struct settings {
        unsigned failure_threshold = 5; ///< failures in a row that open it; at least 1
        duration reset_timeout = std::chrono::seconds(60);
        unsigned half_open_calls = 1;   ///< under way at a time while it is half open; at least 1
        unsigned success_threshold = 1; ///< successes in a row that close it again; at least 1
    };
    enum class state : std::uint8_t { closed, open, half_open };
    struct statistics {
        circuit_breaker::state state;
        unsigned failures;  ///< in a row
        unsigned successes; ///< in a row, while half open
        unsigned under_way; ///< while half open
        std::uint64_t refused;
    };

    /// One call that was let through. Destroyed without a word, it says nothing about the service, and a half-open
    /// breaker lets another one through in its place: a caller that went away cannot wedge it.
    class permit {
    public:
        permit(permit&& other) noexcept = default;
        permit& operator=(permit&& other) noexcept;
        ~permit() { end(outcome::none); }
        void succeeded() noexcept { end(outcome::success); }
        void failed() noexcept { end(outcome::failure); }

    private:
        friend class circuit_breaker;
        enum class outcome : std::uint8_t { none, success, failure };
        permit(std::shared_ptr<core> of, std::uint64_t round) noexcept : of_(std::move(of)), round_(round) {}
        void end(outcome how) noexcept;
        std::shared_ptr<core> of_; ///< null: it has ended
        std::uint64_t round_;      ///< of the breaker's state; what is late says nothing about a later one
    };

    /// @param name  of the service, for errors. @param time  outlives the breaker and its copies.
    /// @throws std::invalid_argument  a setting is 0 that must not be.
    explicit circuit_breaker(std::string name);
    circuit_breaker(std::string name, settings with, const clock& time = clock::system());

    /// Asks to make a call. Errors: overloaded, the breaker is open; retry_after says for how long.
    [[nodiscard]] result<permit> enter();
    [[nodiscard]] statistics stats() const;
    /// Closes it, whatever it has seen.
    void reset();

private:
    std::shared_ptr<core> core_;
};

} // namespace modelmesh::connector
