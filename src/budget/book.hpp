// The ledger of one client: its budgets, the prices of its models, and what each model did for each pool.
#pragma once

#include "budget/account.hpp"
#include "budget/estimate.hpp"
#include "budget/prices.hpp"
#include "budget/tally.hpp"

#include <modelmesh/api/usage_report.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace modelmesh::budget {

/// What is done with a model of which no price is known, where a budget is enforced on it.
enum class unknown_price : std::uint8_t {
    reject, ///< it is not asked
    zero,   ///< it costs nothing
    assume, ///< it costs what is assumed
};

/// What was configured for one provider or one model.
struct terms {
    limits budget{};
    price_list pricing{};
    std::string vendor{}; ///< of a provider: who is in the catalogue for it
    bool is_local{false}; ///< of a provider: a server of one's own, which sends no bills
};

struct plan {
    limits global{};
    std::map<std::string, terms, std::less<>> providers{};
    std::map<std::string, limits, std::less<>> pools{};
    std::map<std::string, terms, std::less<>> models{}; ///< by id, `<provider>.<name>`
    budget::unknown_price unknown{budget::unknown_price::reject};
    price_list assumed{};
};

/// One model in one pool: whom its calls concern and what they cost. All but the counters is constant.
struct line {
    std::string pool;
    std::string provider;
    std::string model; ///< id
    accounts with;     ///< in the order global, provider, pool, model; only those that have a limit
    price_list prices{};
    price_tiers tiers{};
    model_sizes sizes{};
    bool is_priced = false;  ///< false: prices are assumed, or nothing
    bool is_refused = false; ///< it has no price, and a budget that is enforced needs one
    tally counts;
};

/// Threads: any. Lines are looked up when models become known, not when they are asked.
class book {
public:
    explicit book(plan from);

    /// The line of a model in a pool; the same one each time, whatever snapshot asks.
    [[nodiscard]] std::shared_ptr<line> line_of(std::string_view pool, std::string_view provider,
                                                std::string_view model_name);

    [[nodiscard]] usage_report report(std::chrono::system_clock::time_point wall) const;

private:
    /// The account of a scope; null: it has no limits.
    [[nodiscard]] std::shared_ptr<account> open(std::string_view scope, std::string_view name,
                                                const limits& under);
    void price(line& of, const terms& provider, const terms& model, std::string_view model_name) const;

    const plan plan_;
    mutable std::mutex mutex_; ///< guards what follows, not what it points to
    std::map<std::pair<std::string, std::string>, std::shared_ptr<line>> lines_;       ///< by pool and model
    std::map<std::pair<std::string, std::string>, std::shared_ptr<account>> accounts_; ///< by scope and name
};

} // namespace modelmesh::budget
