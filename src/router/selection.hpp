// Which model of a pool the next attempt goes to.
#pragma once

#include "core/request_id.hpp"
#include "router/permit.hpp"
#include "router/snapshot.hpp"

#include <modelmesh/connector/model_set.hpp>
#include <modelmesh/connector/rotation.hpp>
#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/core/random.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace modelmesh::router {

/// How many models such a call may ask.
[[nodiscard]] std::size_t count_eligible(const pool& in, const scope& asked) noexcept;

/// The one place that says who may be asked, and why not. A model that is excluded because it ramps up is asked all
/// the same when nobody else can be.
/// @param now  since the clock's epoch.
[[nodiscard]] exclusion why_not(const pool& in, std::size_t index, const scope& asked,
                                std::chrono::milliseconds now) noexcept;

/// Fills `out` with the models that nothing speaks against and that the request has not tried. Models that ramp up
/// and have all the requests they may have are in it only when nobody else is, or when `with_ramping`. True when such
/// a one was left out.
/// @param out  of the pool's size; what was in it is gone.
bool find_candidates(const pool& from, const connector::model_set& tried, const scope& asked, time_point now,
                     connector::model_set& out, bool with_ramping = false);

class pool_view;

/// When a model may have its next request, by the pool's pace and by the limits of the model and of its provider's key;
/// since the clock's epoch.
[[nodiscard]] std::chrono::milliseconds next_turn(const pool& in, std::size_t index) noexcept;
/// Takes that turn. False: it is too early, and nothing is taken.
/// @param tokens  that the request may come to. @param is_forced  it is sent all the same, and counted.
/// @param taken  gets the tokens, for metered().
[[nodiscard]] bool take_turn(const pool& in, std::size_t index, time_point now, std::int64_t tokens,
                             bool is_forced, state::taken_tokens& taken) noexcept;
/// Whether some model may have to wait for its turn.
[[nodiscard]] inline bool has_turns(const pool& in) noexcept {
    return in.is_limited || !in.state->paces.empty();
}
/// What limits of tokens count at first.
[[nodiscard]] inline std::int64_t tokens_of(const connector::rotation_request& request) noexcept {
    constexpr double most = 1e12; // a request may say anything
    return static_cast<std::int64_t>(std::min(request.prompt_tokens + request.output_tokens, most));
}

/// What a turn has taken, until it is settled. @param time  outlives it.
[[nodiscard]] inline state::metered_tokens metered(const model_entry& model, const state::taken_tokens& taken,
                                                   const clock& time) noexcept {
    return {model.limit, model.provider->limit, taken, time};
}

/// A model that a request may be sent to. Its turn is taken.
struct chosen_model {
    std::size_t index;
    router::admission admission;
    state::taken_tokens tokens{};
};

/// Lets the pool's policy choose, tells it so, and takes the probe of a model that returns. Empty when there is no
/// candidate, or the policy wants none of them.
/// @param scratch  of the pool's size; holds the candidates afterwards, without those whose probe others have
///                 taken meanwhile.
[[nodiscard]] std::optional<chosen_model> select(const pool& from, const connector::model_set& tried,
                                                 const scope& asked,
                                                 const connector::rotation_request& request, time_point now,
                                                 rng& random, connector::model_set& scratch);
/// Since the clock's epoch: when the first model may have its next request, where nobody else is left and requests
/// wait for that. Nothing: somebody can be asked now, or waiting for a model's turn does not help.
[[nodiscard]] std::optional<std::chrono::milliseconds> paced_until(const pool& in,
                                                                   const connector::model_set& tried,
                                                                   const scope& asked,
                                                                   time_point now) noexcept;
/// What the pool's policy says of these candidates; the first one where it has none. Changes nothing.
[[nodiscard]] std::optional<std::size_t> choose(const pool& from, const pool_view& view, rng& random);
/// What select() would choose. Changes nothing.
[[nodiscard]] std::optional<std::size_t> peek(const pool& from, time_point now, rng& random,
                                              const scope& asked = {});

/// The model that the next request to the pool would go to; its first one when none is available; null when it has
/// none.
[[nodiscard]] const model_entry* next_model(const pool& in, time_point now);

/// Tells the pool what became of an attempt, and `log`, unless it is null, when the model is back by that.
/// @param id  of the call.
void note_success(const pool& in, std::size_t index, time_point now, const core::request_id& id = {},
                  log_sink* log = nullptr);
/// Tells the policy that the next request had better begin elsewhere. What is out of service decides whether others
/// begin with this model, not what a call of one provider left out.
void move_on(const pool& in, std::size_t index, time_point now);
/// Counts against the model's health and moves on: a model that recovers does not take the traffic back.
/// True when the model went out of service.
/// @param lasts  see health_slot::note_failure.
bool note_failure(const pool& in, std::size_t index, state::health_slot::reason why, time_point now,
                  rng& random, bool lasts = true);

/// Time until the first eligible model of the pool comes back; zero when one is available now, nothing when none comes
/// back by itself. Of a model on probe it is a guess.
[[nodiscard]] std::optional<std::chrono::milliseconds> until_available(const pool& in, time_point now,
                                                                       const scope& asked = {});

} // namespace modelmesh::router
