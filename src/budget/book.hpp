// The ledger of one client: its budgets, the prices of its models, and what each model did for each pool.
#pragma once

#include "budget/account.hpp"
#include "budget/estimate.hpp"
#include "budget/prices.hpp"
#include "budget/tally.hpp"
#include "budget/write_ahead.hpp"

#include <modelmesh/api/usage_report.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
    time_zone zone{}; ///< of days and months
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
    std::string model;                                                       ///< id
    std::shared_ptr<const periods> when = std::make_shared<const periods>(); ///< never null
    accounts with; ///< in the order global, provider, pool, model; only those that have a limit
    price_list prices{};
    price_tiers tiers{};
    model_sizes sizes{};
    bool is_priced = false;        ///< false: prices are assumed, or nothing
    bool is_refused = false;       ///< it has no price, and a budget that is enforced needs one
    std::shared_ptr<tally> counts; ///< never null; that of the line which took this one's place is the same
    std::shared_ptr<write_ahead> storage{}; ///< null: what is counted ends with the program
};

/// What is saved of a line.
struct saved_line {
    std::string time_zone{"UTC"}; ///< whose numbers counted.when has
    std::string pool{};
    std::string provider{};
    std::string model{};
    tally_record counted{};
    std::int64_t mark{0}; ///< of the costs
};

/// Threads: any. Lines are looked up when models become known, not when they are asked.
class book {
public:
    explicit book(plan from);

    /// Goes on with another plan: what was counted and spent stays, under the limits and prices of the new one.
    /// Calls under way end on the lines that they began with, and are counted. A budget that was not there before
    /// begins with what its scope has spent in the period; what calls under way hold just then is missing in it.
    /// In another time zone the day and the month under way go on, as `periods` says.
    void apply(plan next, std::chrono::system_clock::time_point wall);

    /// Puts the book back to what it was, unless that is given up: its plan, accounts and lines. What was counted
    /// meanwhile stays counted. The book outlives it; nobody else calls apply() meanwhile.
    class checkpoint {
    public:
        explicit checkpoint(book& of);
        ~checkpoint();
        checkpoint(const checkpoint&) = delete;
        checkpoint& operator=(const checkpoint&) = delete;
        void give_up() noexcept { of_ = nullptr; }

    private:
        struct contents;
        book* of_;
        const std::unique_ptr<contents> then_;
    };

    /// The line of a model in a pool; the same one each time, whatever snapshot asks, until apply().
    /// @param model_id  empty: `<provider>.<model_name>`.
    [[nodiscard]] std::shared_ptr<line> line_of(std::string_view pool, std::string_view provider,
                                                std::string_view model_name, std::string_view model_id = {});

    /// What the price catalogue knows of a model.
    [[nodiscard]] model_sizes sizes_of(std::string_view provider, std::string_view model_name) const;

    [[nodiscard]] usage_report report(std::chrono::system_clock::time_point wall) const;

    /// Goes on with what was saved, and from now on has the storage cover what is spent. Budgets have what the lines
    /// of their scope have: they are not saved themselves. What was saved in another time zone counts for the periods
    /// under way when the zone's day or month has not ended by its own clocks. @pre no line was asked for.
    void restore(const std::vector<saved_line>& saved, std::shared_ptr<write_ahead> storage,
                 std::chrono::system_clock::time_point wall);
    /// Every line that there was, under whatever plan.
    [[nodiscard]] std::vector<std::shared_ptr<const line>> lines() const;

private:
    using name_pair = std::pair<std::string, std::string>;
    using account_map = std::map<name_pair, std::shared_ptr<account>>; ///< by scope and name

    /// All accounts of the plan, also those of models that are not known yet.
    void open_all();
    /// The account of a scope; null: it has no limits.
    [[nodiscard]] std::shared_ptr<account> open(std::string_view scope, std::string_view name,
                                                const limits& under);
    [[nodiscard]] usage_counts spent_by(std::string_view scope, std::string_view name, calendar now) const;
    void price(line& of, const terms& provider, const terms& model, std::string_view model_name) const;

    struct kept_line {
        std::shared_ptr<line> current;
        bool is_outdated = false; ///< of a plan before
    };

    mutable std::mutex mutex_; ///< guards what follows, not what it points to
    plan plan_;
    std::shared_ptr<const periods> periods_; ///< never null
    std::map<name_pair, kept_line> lines_;   ///< by pool and model; all that ever were, for the report
    account_map accounts_;
    std::shared_ptr<write_ahead> storage_;
};

} // namespace modelmesh::budget
