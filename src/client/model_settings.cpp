#include "client/model_settings.hpp"

#include "client/pool_settings.hpp"
#include "config/model_names.hpp"

#include <modelmesh/router/capability.hpp>

#include <algorithm>

namespace modelmesh::detail {
namespace {

using router::need;

std::vector<std::string> canonical(const std::vector<std::string>& capabilities, const std::string& where,
                                   std::vector<std::string>& problems) {
    std::vector<std::string> paths;
    for (const std::string& each : capabilities) {
        result<std::string> path = capability::canonical(each);
        if (path)
            paths.push_back(std::move(*path));
        else
            problems.push_back(where + "capabilities: " + path.error().message);
    }
    return paths;
}

std::uint32_t lacks_of(const model_config& from) {
    std::uint32_t lacks = 0;
    const auto note = [&lacks](const std::optional<bool>& has, need what) {
        if (has && !*has) lacks |= router::bit_of(what);
    };
    const model_features& has = from.features;
    note(has.tool_calling, need::tool_calling);
    note(has.structured_output, need::structured_output);
    note(has.json_mode, need::json_mode);
    note(has.system_prompt, need::system_prompt);
    note(has.grounding, need::grounding);
    note(has.logprobs, need::logprobs);
    note(has.vision, need::vision);
    note(has.audio_input, need::audio_input);
    note(has.streaming, need::stream);
    const model_delivery& how = from.delivery;
    std::optional<bool> whole = how.synchronous;
    std::optional<bool> streams = how.streaming;
    if (how.mode && !whole) whole = *how.mode != delivery_mode::batch;
    if (how.mode && !streams) streams = *how.mode == delivery_mode::streaming;
    note(whole, need::whole_reply);
    note(streams, need::stream);
    note(how.batch, need::batch);
    return lacks;
}

router::model_traits traits_of(const model_config& from) {
    router::model_traits traits;
    traits.lacks = lacks_of(from);
    const model_constraints& most = from.constraints;
    traits.context_window = most.context_window.value_or(router::model_traits::unlimited);
    traits.max_output_tokens = most.max_output_tokens.value_or(router::model_traits::unlimited);
    if (most.max_images) traits.max_images = *most.max_images;
    return traits;
}

} // namespace

state::minute_rule lets_through(const rate_limit_config& settings, const std::string& where,
                                std::vector<std::string>& problems) {
    constexpr std::int64_t most_requests = 100'000;
    constexpr std::int64_t most_tokens = 1'000'000'000;
    const auto check = [&](std::int64_t limit, std::int64_t most, const char* key) {
        if (limit < 0 || limit > most)
            problems.push_back(where + "rate_limit." + key + " must be from 0, for any number, to " +
                               std::to_string(most));
        return std::clamp(limit, std::int64_t{0}, most);
    };
    return {check(settings.requests_per_minute, most_requests, "requests_per_minute"),
            check(settings.tokens_per_minute, most_tokens, "tokens_per_minute")};
}

router::model_plans models_of(const config& from, std::vector<std::string>& problems) {
    router::model_plans made;
    made.answer_by_name = from.allow_direct_models;
    for (const auto& [name, provider] : from.providers)
        if (!provider.capabilities.empty())
            made.capabilities.emplace_back(
                name, canonical(provider.capabilities, "provider '" + name + "': ", problems));
    for (const auto& [id, model] : from.models) {
        const std::string where = "model '" + id + "': ";
        const std::string provider =
            model.provider.empty() ? settings::provider_of(id, from) : model.provider;
        const auto known = std::find_if(from.providers.begin(), from.providers.end(),
                                        [&provider](const auto& each) { return each.first == provider; });
        if (known == from.providers.end()) {
            problems.push_back(model.provider.empty()
                                   ? where + "begins with no provider's name; an id is <provider>.<vendor's "
                                             "name>, or the model has a provider"
                                   : where + "there is no provider '" + provider + "'");
            continue;
        }
        if (model.provider.empty() && !model.model.empty())
            problems.push_back(where + "model: is for one that says its provider, too");
        router::model_plan plan{id, provider,
                                settings::vendors_name(id, model, provider, known->second.connector)};
        if (id.empty() || plan.name.empty()) problems.push_back(where + "needs a name");
        for (const router::model_plan& other : made.models)
            if (other.provider == plan.provider && other.name == plan.name)
                problems.push_back(where + "'" + other.id + "' is the same model, '" + plan.name + "' of '" +
                                   plan.provider + "'");
        plan.capabilities = canonical(model.capabilities, where, problems);
        plan.traits = traits_of(model);
        plan.windows = windows_of(model.maintenance_window, id, where, problems);
        plan.lets_through = lets_through(model.rate_limit, where, problems);
        made.models.push_back(std::move(plan));
    }
    return made;
}

std::vector<std::string> listed_models(const config& from, const std::string& provider,
                                       const router::model_plans& models) {
    std::vector<std::string> names;
    for (const auto& [name, settings] : from.providers)
        if (name == provider) names = settings.models;
    for (const router::model_plan& plan : models.models) {
        const bool is_declared =
            std::any_of(from.models.begin(), from.models.end(), [&plan](const auto& each) {
                return each.first == plan.id && !each.second.provider.empty();
            });
        if (plan.provider == provider && is_declared &&
            std::find(names.begin(), names.end(), plan.name) == names.end())
            names.push_back(plan.name);
    }
    return names;
}

} // namespace modelmesh::detail
