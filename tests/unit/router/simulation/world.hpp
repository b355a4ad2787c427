// Five providers with bad days, all of them scripted from one seed, and a transport that asks them.
#pragma once

#include "timeline.hpp"

#include "budget/book.hpp"
#include "router/snapshot.hpp"
#include "router/transport.hpp"

#include <modelmesh/core/random.hpp>

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace modelmesh::router::simulation {

enum class weather : std::uint8_t {
    fine,
    refusing, ///< no connection
    failing,  ///< HTTP 500
    overloaded,
    silent,  ///< connects, and never answers
    limited, ///< HTTP 429, with Retry-After until the storm is over
    locked,  ///< HTTP 401
    slow,    ///< takes twenty times as long to begin
    cutting, ///< breaks streams off, before their first content or after it
};

struct spell {
    time_point from;
    time_point to;
    weather what;
};

/// What the weather is at a provider, for as long as the simulation lasts.
class forecast {
public:
    /// @param disasters  when it is bad at every provider, longer than any caller waits.
    forecast(rng& random, time_point from, time_point to, const std::vector<time_point>& disasters);
    [[nodiscard]] spell at(time_point moment) const noexcept;
    [[nodiscard]] bool is_fine(time_point from, time_point to) const noexcept;

private:
    std::vector<spell> disasters_; ///< before the others
    std::vector<spell> spells_;    ///< in order, without the fine ones
};

class server final : public endpoint {
public:
    server(std::size_t number, forecast script) : index(number), sky(std::move(script)) {}
    std::size_t index;
    forecast sky;
};

inline constexpr std::size_t server_count = 5;

class world final : public transport {
public:
    /// @param calm  from when on nothing bad happens any more.
    world(std::uint64_t seed, time_point calm);

    task<result<http::response>> exchange(std::shared_ptr<const endpoint> to,
                                          std::shared_ptr<const http::request> request,
                                          patience limits) override;
    task<result<opened>> open(std::shared_ptr<const endpoint> to,
                              std::shared_ptr<const http::request> request, patience limits) override;
    task<result<void>> sleep_until(time_point moment) override;
    [[nodiscard]] const clock& time() const noexcept override { return line; }
    [[nodiscard]] rng& random() noexcept override { return random_; }
    [[nodiscard]] std::string_view engine_name() const noexcept override { return "simulated"; }

    /// Tokens of prompt that one reply in a hundred reports above the library's estimate.
    static constexpr std::int64_t surprise = 7;
    static constexpr std::int64_t usual_prompt = 3;
    static constexpr std::int64_t longest_output = 10;

    timeline line;
    std::array<std::shared_ptr<server>, server_count> servers;
    std::int64_t surprises = 0; ///< replies that were above their reservation

private:
    friend class streamed;
    /// When an answer begins, and what it is; nothing but a fault when there is none.
    struct opening {
        spell in{};
        time_point at{};
    };
    opening begin(const server& at);
    [[nodiscard]] std::string usage();
    static task<result<http::response>> answer(world* self, std::shared_ptr<const server> by,
                                               patience limits);
    static task<result<opened>> stream(world* self, std::shared_ptr<const server> by, patience limits);
    static task<result<void>> head(world* self, opening of, patience limits);
    static http::response refusal(const opening& of, time_point now);

    xoshiro256 random_;
};

} // namespace modelmesh::router::simulation
