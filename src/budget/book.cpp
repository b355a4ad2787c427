#include "budget/book.hpp"

#include "budget/price_catalogue.hpp"

#include <algorithm>

namespace modelmesh::budget {
namespace {

template <class Map> const typename Map::mapped_type& found_or_none(const Map& in, std::string_view name) {
    static const typename Map::mapped_type none{};
    const auto at = in.find(name);
    return at == in.end() ? none : at->second;
}

// Numbers of one zone as those of another for the same moment; of a period that is over there: of none here.
calendar carried_over(calendar saved, const std::string& zone, const periods& to,
                      std::chrono::system_clock::time_point wall) {
    const result<time_zone> known = time_zone::find(zone);
    const calendar then = known ? periods(*known).at(wall) : calendar_of(wall); // as near as can be told
    calendar here = to.at(wall);
    if (saved.day != then.day) --here.day;
    if (saved.month != then.month) --here.month;
    return here;
}

} // namespace

book::book(plan from) : plan_(std::move(from)), periods_(std::make_shared<const periods>(plan_.zone)) {
    open_all();
}

struct book::checkpoint::contents {
    budget::plan plan;
    std::shared_ptr<const budget::periods> periods;
    std::map<name_pair, kept_line> lines;
    account_map accounts;
};

book::checkpoint::checkpoint(book& of)
    : of_(&of), then_([&of] {
          const std::lock_guard lock(of.mutex_);
          return std::make_unique<contents>(contents{of.plan_, of.periods_, of.lines_, of.accounts_});
      }()) {}

book::checkpoint::~checkpoint() {
    if (of_ == nullptr) return;
    const std::lock_guard lock(of_->mutex_);
    std::swap(of_->plan_, then_->plan);
    of_->periods_.swap(then_->periods);
    of_->lines_.swap(then_->lines);
    of_->accounts_.swap(then_->accounts);
}

void book::apply(plan next, std::chrono::system_clock::time_point wall) {
    const std::lock_guard lock(mutex_);
    const bool is_elsewhere = next.zone.name() != plan_.zone.name();
    if (is_elsewhere) periods_ = std::make_shared<const periods>(next.zone, *periods_, wall);
    const calendar now = periods_->at(wall);
    plan_ = std::move(next);
    const account_map before = std::exchange(accounts_, {});
    open_all();
    for (auto& [key, each] : accounts_) {
        const auto found = before.find(key);
        if (found == before.end()) {
            const usage_counts spent = spent_by(key.first, key.second, now);
            each->open_with(now, spent.today.cost_micro_usd, spent.month.cost_micro_usd);
        } else if (const bool is_same = found->second->terms() == each->terms(); is_same && !is_elsewhere) {
            each = found->second;
        } else {
            each = std::make_shared<account>(*found->second, each->terms(), periods_);
            if (is_same) each->pass_over_alerts(now);
        }
    }
    for (auto& [key, each] : lines_) each.is_outdated = true;
}

void book::restore(const std::vector<saved_line>& saved, std::shared_ptr<write_ahead> storage,
                   std::chrono::system_clock::time_point wall) {
    const std::lock_guard lock(mutex_);
    const calendar now = periods_->at(wall);
    storage_ = std::move(storage);
    for (const saved_line& each : saved) {
        tally_record counted = each.counted;
        if (each.time_zone != plan_.zone.name())
            counted.when = carried_over(counted.when, each.time_zone, *periods_, wall);
        auto made = std::make_shared<line>();
        made->pool = each.pool;
        made->provider = each.provider;
        made->model = each.model;
        made->when = periods_;
        made->counts = std::make_shared<tally>();
        made->counts->restore(counted, each.mark, now);
        made->counts->cover(each.mark, each.mark);
        lines_[{each.pool, each.model}] = {std::move(made), true};
    }
    for (auto& [key, each] : accounts_) {
        const usage_counts spent = spent_by(key.first, key.second, now);
        each->open_with(now, spent.today.cost_micro_usd, spent.month.cost_micro_usd);
        each->pass_over_alerts(now);
    }
}

std::vector<std::shared_ptr<const line>> book::lines() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<const line>> all;
    for (const auto& [key, each] : lines_) all.push_back(each.current);
    return all;
}

usage_counts book::spent_by(std::string_view scope, std::string_view name, calendar now) const {
    usage_counts sums;
    for (const auto& [key, each] : lines_) {
        const line& of = *each.current;
        if (scope == "global" || (scope == "provider" && of.provider == name) ||
            (scope == "pool" && of.pool == name) || (scope == "model" && of.model == name))
            of.counts->add_to(sums, now);
    }
    return sums;
}

void book::open_all() {
    (void)open("global", "", plan_.global);
    for (const auto& [name, of] : plan_.providers) (void)open("provider", name, of.budget);
    for (const auto& [name, of] : plan_.pools) (void)open("pool", name, of);
    for (const auto& [name, of] : plan_.models) (void)open("model", name, of.budget);
}

std::shared_ptr<account> book::open(std::string_view scope, std::string_view name, const limits& under) {
    if (!under.any()) return nullptr;
    std::shared_ptr<account>& made = accounts_[{std::string(scope), std::string(name)}];
    if (!made) made = std::make_shared<account>(std::string(scope), std::string(name), under, periods_);
    return made;
}

void book::price(line& of, const terms& provider, const terms& model, std::string_view model_name) const {
    const bool is_configured = provider.pricing.any() || model.pricing.any();
    if (const listed_model* listed = find_model(provider.vendor, model_name)) {
        of.prices = listed->prices;
        // Tiers are the list's: they do not go with prices of one's own.
        if (!is_configured) of.tiers = listed->tiers;
        of.sizes = {listed->context_window, listed->max_output_tokens};
    }
    of.prices.override_with(provider.pricing);
    of.prices.override_with(model.pricing);
    of.is_priced = of.prices.any() || provider.is_local;
    if (of.is_priced) return;
    if (plan_.unknown == unknown_price::assume) of.prices = plan_.assumed;
    of.is_refused = plan_.unknown == unknown_price::reject &&
                    std::any_of(of.with.begin(), of.with.end(),
                                [](const std::shared_ptr<account>& each) { return each->terms().enforce; });
}

std::shared_ptr<line> book::line_of(std::string_view pool, std::string_view provider,
                                    std::string_view model_name, std::string_view model_id) {
    const std::string model =
        model_id.empty() ? std::string(provider) + "." + std::string(model_name) : std::string(model_id);
    const std::lock_guard lock(mutex_);
    kept_line& found = lines_[{std::string(pool), model}];
    if (found.current && !found.is_outdated) return found.current;
    auto made = std::make_shared<line>();
    if (found.current) {
        made->counts = found.current->counts;
    } else {
        made->counts = std::make_shared<tally>();
        if (storage_) made->counts->cover(0, 0);
    }
    made->storage = storage_;
    made->when = periods_;
    made->pool = pool;
    made->provider = provider;
    made->model = model;
    const terms& of_provider = found_or_none(plan_.providers, provider);
    const terms& of_model = found_or_none(plan_.models, model);
    for (auto each :
         {open("global", "", plan_.global), open("provider", provider, of_provider.budget),
          open("pool", pool, found_or_none(plan_.pools, pool)), open("model", model, of_model.budget)})
        if (each) made->with.push_back(std::move(each));
    price(*made, of_provider, of_model, model_name);
    found = {std::move(made), false};
    return found.current;
}

model_sizes book::sizes_of(std::string_view provider, std::string_view model_name) const {
    const std::lock_guard lock(mutex_);
    const listed_model* listed = find_model(found_or_none(plan_.providers, provider).vendor, model_name);
    return listed == nullptr ? model_sizes() : model_sizes{listed->context_window, listed->max_output_tokens};
}

usage_report book::report(std::chrono::system_clock::time_point wall) const {
    usage_report report;
    const std::lock_guard lock(mutex_);
    const calendar now = periods_->at(wall);
    for (const auto& [key, each] : lines_) {
        const line& of = *each.current;
        if (of.counts->is_empty()) continue;
        for (usage_counts* sums : {&report.all, &report.by_model[of.model], &report.by_provider[of.provider],
                                   &report.by_pool[of.pool]})
            of.counts->add_to(*sums, now);
    }
    for (const auto& [key, each] : accounts_) each->report(report.budgets, wall);
    return report;
}

} // namespace modelmesh::budget
