#include "client/budget_plan.hpp"

#include "client/pool_settings.hpp"
#include "core/connector_id.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace modelmesh::detail {
namespace {

// Limits and prices are checked where their unit is known; `where` begins each line about them.
class translation {
public:
    explicit translation(std::vector<std::string>& problems) : problems_(problems) {}

    budget::limits limits(const budget_config& from, const std::string& where) {
        budget::limits made;
        made.per_request = amount(from.per_request_limit, where + "budget.per_request_limit");
        made.daily = amount(from.daily_limit, where + "budget.daily_limit");
        made.monthly = amount(from.monthly_limit, where + "budget.monthly_limit");
        made.enforce = from.enforce;
        for (const double share : from.alert_thresholds) {
            const result<std::int64_t> thousandths = budget::scaled(share, 3);
            if (!thousandths || *thousandths < 1 || *thousandths > 1000)
                problems_.push_back(where + "budget.alert_thresholds: " + std::to_string(share) +
                                    " is not above 0 and at most 1");
            else
                made.alert_at.push_back(static_cast<unsigned>(*thousandths));
        }
        if (from.alert_thresholds.size() > most_thresholds)
            problems_.push_back(where + "budget.alert_thresholds: there are more than " +
                                std::to_string(most_thresholds));
        std::sort(made.alert_at.begin(), made.alert_at.end());
        made.alert_at.erase(std::unique(made.alert_at.begin(), made.alert_at.end()), made.alert_at.end());
        return made;
    }

    budget::price_list prices(const pricing_config& from, const std::string& where) {
        budget::price_list made;
        // Dollars for 1,000 tokens are thousandths for one.
        constexpr int for_thousand = budget::pico_digits - 3;
        constexpr int for_one = budget::pico_digits;
        set(made.input, from.input_per_1k_tokens, for_thousand, where + "input_per_1k_tokens");
        set(made.output, from.output_per_1k_tokens, for_thousand, where + "output_per_1k_tokens");
        set(made.cached_input, from.cached_input_per_1k_tokens, for_thousand,
            where + "cached_input_per_1k_tokens");
        set(made.cache_write, from.cache_write_per_1k_tokens, for_thousand,
            where + "cache_write_per_1k_tokens");
        set(made.reasoning, from.reasoning_per_1k_tokens, for_thousand, where + "reasoning_per_1k_tokens");
        set(made.audio_input, from.audio_input_per_1k_tokens, for_thousand,
            where + "audio_input_per_1k_tokens");
        set(made.audio_output, from.audio_output_per_1k_tokens, for_thousand,
            where + "audio_output_per_1k_tokens");
        set(made.image, from.per_image, for_one, where + "per_image");
        set(made.second, from.per_second, for_one, where + "per_second");
        set(made.character, from.per_character, for_one, where + "per_character");
        set(made.request, from.per_request, for_one, where + "per_request");
        return made;
    }

private:
    static constexpr std::size_t most_thresholds = 16;
    static constexpr double most_dollars = 100000000; // what one amount can hold, with room above it

    std::optional<std::int64_t> amount(const std::optional<double>& from, const std::string& where) {
        if (!from) return std::nullopt;
        const result<std::int64_t> made = checked(*from, budget::micro_digits, where);
        return made ? std::optional(*made) : std::nullopt;
    }
    void set(budget::pico_usd& price, const std::optional<double>& from, int digits,
             const std::string& where) {
        if (!from) return;
        if (const result<std::int64_t> made = checked(*from, digits, where)) price = *made;
    }
    result<std::int64_t> checked(double value, int digits, const std::string& where) {
        const bool is_price = digits != budget::micro_digits;
        result<std::int64_t> made = budget::scaled(value, digits);
        if (made && value > (is_price ? most_price : most_dollars))
            made = fault(errc::config, "is too large");
        if (!made)
            problems_.push_back(where + ": must be an amount of US dollars from 0 to " +
                                (is_price ? "1,000" : "100,000,000"));
        return made;
    }
    static constexpr double most_price = 1000;

    std::vector<std::string>& problems_;
};

// Whether it is as "vllm.local.v1".
bool is_local(std::string_view connector) {
    return core::without_type(connector).substr(core::vendor_of(connector).size()).starts_with(".local.");
}

} // namespace

budget::plan make_budget_plan(const config& from, std::vector<std::string>& problems) {
    translation to(problems);
    budget::plan made;
    made.global = to.limits(from.budget, "");
    made.zone = zone_of(from.time_zone, "time_zone", problems);
    for (const auto& [name, settings] : from.providers) {
        const std::string where = "provider '" + name + "': ";
        budget::terms& terms = made.providers[name];
        terms.budget = to.limits(settings.budget, where);
        terms.pricing = to.prices(settings.pricing, where + "pricing.");
        terms.vendor = core::vendor_of(settings.connector);
        terms.is_local = is_local(settings.connector);
    }
    for (const auto& [name, settings] : from.pools)
        made.pools[name] = to.limits(settings.budget, "pool '" + name + "': ");
    for (const auto& [id, settings] : from.models) {
        const std::string where = "model '" + id + "': ";
        budget::terms& terms = made.models[id];
        terms.budget = to.limits(settings.budget, where);
        terms.pricing = to.prices(settings.pricing, where + "pricing.");
    }
    switch (from.unknown_price) {
    case unknown_price_action::reject:
        made.unknown = budget::unknown_price::reject;
        break;
    case unknown_price_action::zero:
        made.unknown = budget::unknown_price::zero;
        break;
    case unknown_price_action::assume:
        made.unknown = budget::unknown_price::assume;
        break;
    }
    made.assumed = to.prices(from.assumed_pricing, "assumed_pricing.");
    if (made.unknown == budget::unknown_price::assume && !made.assumed.any())
        problems.push_back("unknown_price: assume needs assumed_pricing");
    return made;
}

} // namespace modelmesh::detail
