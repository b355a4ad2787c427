// The rotation policies that ship with the library, and the rules by which models go out of service and return; each is
// described where it is defined.
#pragma once

#include <modelmesh/connector/deactivation.hpp>
#include <modelmesh/connector/rotation.hpp>

#include <memory>
#include <optional>

namespace modelmesh::connector {

[[nodiscard]] std::unique_ptr<rotation_policy> make_stick_until_failure(const rotation_settings& settings);
[[nodiscard]] std::unique_ptr<rotation_policy> make_priority_selection(const rotation_settings& settings);
[[nodiscard]] std::unique_ptr<rotation_policy> make_round_robin(const rotation_settings& settings);
[[nodiscard]] std::unique_ptr<rotation_policy> make_cost_first(const rotation_settings& settings);
[[nodiscard]] std::unique_ptr<rotation_policy> make_latency_first(const rotation_settings& settings);
[[nodiscard]] std::unique_ptr<rotation_policy> make_session_stickiness(const rotation_settings& settings);
[[nodiscard]] std::unique_ptr<rotation_policy> make_rate_limit_aware(const rotation_settings& settings);
[[nodiscard]] std::unique_ptr<rotation_policy> make_load_balanced(const rotation_settings& settings);
[[nodiscard]] std::unique_ptr<rotation_policy> make_least_loaded(const rotation_settings& settings);
[[nodiscard]] std::unique_ptr<rotation_policy> make_weighted(const rotation_settings& settings);
[[nodiscard]] std::unique_ptr<rotation_policy> make_score(const rotation_settings& settings);

[[nodiscard]] std::unique_ptr<deactivation_policy> make_thresholds(const deactivation_settings& settings);
[[nodiscard]] std::unique_ptr<recovery_policy> make_scheduled(const recovery_settings& settings);

/// The member whose rating is lowest, the first of equals. @pre the set is not empty.
template <class Rating>
[[nodiscard]] std::size_t lowest(const model_set& among, const Rating& rating) noexcept {
    std::size_t best = among.next(0);
    auto least = rating(best);
    // Without a branch: which is lowest changes with every request, and no processor foresees that.
    among.for_each([&](std::size_t i) {
        const auto value = rating(i);
        const bool is_lower = value < least;
        best = is_lower ? i : best;
        least = is_lower ? value : least;
    });
    return best;
}

/// What the request will cost at the model, in pico-USD; nothing when its price is not known.
[[nodiscard]] inline std::optional<double> expected_cost(const rotation_view& from,
                                                         std::size_t index) noexcept {
    const std::optional<token_price>& price = from.model(index).price;
    if (!price) return std::nullopt;
    return from.request().prompt_tokens * static_cast<double>(price->input) +
           from.request().output_tokens * static_cast<double>(price->output);
}

} // namespace modelmesh::connector
