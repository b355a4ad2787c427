#include "router/introspection.hpp"

#include "client/client_impl.hpp"
#include "client/routed_call.hpp"

#include <modelmesh/json/write.hpp>

#include <algorithm>
#include <utility>

namespace modelmesh {
namespace {

using picture_ptr = std::shared_ptr<const router::snapshot>;

result<explanation> explained(picture_ptr picture, std::string_view name,
                              std::shared_ptr<const prepared_request> request, const call_options& opt) {
    const result<router::call> made =
        detail::address(std::move(picture), name, std::move(request), detail::call_terms(opt));
    if (!made) return made.error();
    const clock& time = clock::system();
    return router::explain(*made, time.now(), time.wall());
}

bool is_in_none(const std::vector<const router::pool*>& pools, const router::model_entry* model) {
    return std::none_of(pools.begin(), pools.end(), [model](const router::pool* each) {
        return std::find(each->models.begin(), each->models.end(), model) != each->models.end();
    });
}

} // namespace

explanation client::explain(const chat::request& request, const call_options& opt) const {
    return try_explain(request, opt).value();
}
result<explanation> client::try_explain(const chat::request& request, const call_options& opt) const {
    auto prepared = prepared_request::parse(operation::chat_completion, json::write(request), false);
    if (!prepared) return std::move(prepared).error();
    const std::string name((*prepared)->name());
    return explained(impl_->current(), name, std::move(*prepared), opt);
}
explanation client::explain(std::string_view name, const call_options& opt) const {
    return try_explain(name, opt).value();
}
result<explanation> client::try_explain(std::string_view name, const call_options& opt) const {
    return explained(impl_->current(), name, nullptr, opt);
}

std::vector<pool_status> client::pool_status() const {
    const picture_ptr picture = impl_->current();
    const time_point now = clock::system().now();
    std::vector<modelmesh::pool_status> all;
    for (const router::pool* each : router::named_pools(*picture))
        all.push_back(router::status_of(*each, now));
    return all;
}
pool_status client::pool_status(std::string_view pool) const { return try_pool_status(pool).value(); }
result<pool_status> client::try_pool_status(std::string_view pool) const {
    const picture_ptr picture = impl_->current();
    const result<const router::pool*> found = picture->resolve(pool);
    if (!found) return found.error();
    return router::status_of(**found, clock::system().now());
}

std::vector<std::string> client::active_providers() const {
    return router::active_providers(*impl_->current(), clock::system().now());
}

std::string client::rotate(std::string_view pool) { return try_rotate(pool).value(); }
result<std::string> client::try_rotate(std::string_view pool) {
    const picture_ptr picture = impl_->current();
    const result<const router::pool*> found = picture->resolve(pool);
    if (!found) return found.error();
    const result<const router::model_entry*> in_front =
        router::rotate(**found, clock::system().now(), impl_->log());
    if (!in_front) return in_front.error();
    return (*in_front)->id;
}

void client::reactivate(std::string_view pool, std::string_view model) {
    return try_reactivate(pool, model).value();
}
result<void> client::try_reactivate(std::string_view pool, std::string_view model) {
    const picture_ptr picture = impl_->current();
    const result<const router::pool*> found = picture->resolve(pool);
    if (!found) return found.error();
    const result<std::size_t> index = router::find_model(**found, model);
    if (!index) return index.error();
    router::reactivate(**found, *index, clock::system().now(), impl_->log());
    return {};
}

void client::reactivate_provider(std::string_view provider) {
    return try_reactivate_provider(provider).value();
}
result<void> client::try_reactivate_provider(std::string_view provider) {
    if (provider.empty()) return fault(errc::bad_request, "a provider has a name");
    const picture_ptr picture = impl_->current();
    const result<const router::provider_entry*> found = picture->find_provider(provider);
    if (!found) return found.error();
    router::reactivate(**found, clock::system().now(), impl_->log());
    return {};
}

std::string client::describe() const {
    const picture_ptr picture = impl_->current();
    const time_point now = clock::system().now();
    const std::vector<const router::pool*> named = router::named_pools(*picture);
    std::string text;
    for (const router::pool* each : named) text += router::described(*each, now);
    for (const std::unique_ptr<router::pool>& each : picture->pools)
        if (each->kind == router::pool_kind::of_one_model && is_in_none(named, each->models.front()))
            text += router::described(*each, now);
    return text;
}
std::string client::describe(std::string_view pool) const {
    const picture_ptr picture = impl_->current();
    return router::described(*picture->resolve(pool).value(), clock::system().now());
}

} // namespace modelmesh
