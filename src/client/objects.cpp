#include <modelmesh/api/objects.hpp>

#include "client/item_source.hpp"
#include "router/object_request.hpp"
#include "router/selection.hpp"

#include <modelmesh/api/batches.hpp>
#include <modelmesh/api/deletion.hpp>
#include <modelmesh/api/files.hpp>
#include <modelmesh/api/fine_tuning.hpp>
#include <modelmesh/api/models.hpp>
#include <modelmesh/api/page.hpp>
#include <modelmesh/api/resources.hpp>
#include <modelmesh/api/responses.hpp>
#include <modelmesh/api/uploads.hpp>
#include <modelmesh/core/or_throw.hpp>
#include <modelmesh/json/members.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <algorithm>
#include <stdexcept>
#include <type_traits>

namespace modelmesh {
namespace {

using connector::object_call;

// ----------------------------------------------------------------------------------------------------
// requests, made before the first await, so that nothing borrows what is the caller's

// What is no segment of a path would make a path to something else.
std::string id_of(std::string_view given) {
    if (given.empty() || given == "." || given == "..")
        throw std::invalid_argument("an id is empty or a path: '" + std::string(given) + "'");
    return std::string(given);
}

object_call get(std::vector<std::string> path) {
    object_call made;
    made.path = std::move(path);
    return made;
}
object_call post(std::vector<std::string> path, std::string json = {}) {
    object_call made = get(std::move(path));
    made.method = "POST";
    made.json = std::move(json);
    return made;
}
object_call remove_of(std::vector<std::string> path) {
    object_call made = get(std::move(path));
    made.method = "DELETE";
    return made;
}
object_call bytes_of(std::vector<std::string> path) {
    object_call made = get(std::move(path));
    made.is_binary = true;
    return made;
}
object_call with_file(object_call made, std::string field, const http::attachment& file) {
    if (!file.source) throw std::invalid_argument("the request has no " + field);
    made.files.push_back({std::move(field), file});
    return made;
}

void add(object_call& to, std::string name, const std::optional<std::string>& value) {
    if (value) to.query.emplace_back(std::move(name), *value);
}
object_call paged(object_call made, const page& which) {
    add(made, "after", which.after);
    if (which.limit) made.query.emplace_back("limit", std::to_string(*which.limit));
    return made;
}
object_call paged(object_call made, const files::query& which) {
    made = paged(std::move(made), static_cast<const page&>(which));
    add(made, "order", which.order);
    add(made, "purpose", which.purpose);
    return made;
}
object_call paged(object_call made, const fine_tuning::query& which) {
    made = paged(std::move(made), static_cast<const page&>(which));
    for (const auto& [name, value] : which.metadata) made.query.emplace_back("metadata[" + name + "]", value);
    return made;
}
void add_included(object_call& to, const std::vector<std::string>& names) {
    for (const std::string& each : names) to.query.emplace_back("include[]", each);
}
object_call paged(object_call made, const responses::item_query& which) {
    made = paged(std::move(made), static_cast<const page&>(which));
    add(made, "order", which.order);
    add_included(made, which.include);
    return made;
}
object_call response_of(std::string_view id, const responses::query& which, bool is_streamed = false) {
    object_call made = get({"responses", id_of(id)});
    made.is_streamed = is_streamed;
    add_included(made, which.include);
    if (is_streamed) made.query.emplace_back("stream", "true");
    if (which.starting_after)
        made.query.emplace_back("starting_after", std::to_string(*which.starting_after));
    if (which.include_obfuscation)
        made.query.emplace_back("include_obfuscation", *which.include_obfuscation ? "true" : "false");
    return made;
}

// ----------------------------------------------------------------------------------------------------
// calls

/// One call, before it is known whose loop it runs on.
struct asked_object {
    std::shared_ptr<const object_call> call;
    detail::call_terms terms;
};

asked_object asked_for(object_call call, const call_options& opt) {
    return {std::make_shared<const object_call>(std::move(call)), detail::call_terms(opt)};
}

using object_send = task<result<router::object_answer>> (*)(router::transport& via, log_sink* log,
                                                            router::object_request asked);

task<result<router::object_answer>> send_there(std::shared_ptr<detail::client_impl> impl,
                                               detail::net_transport& via, asked_object asked,
                                               object_send send) {
    router::object_request made;
    made.picture = impl->current();
    const result<const router::provider_entry*> provider = made.picture->find_provider(asked.terms.provider);
    if (!provider) co_return provider.error();
    made.provider = *provider;
    made.call = std::move(asked.call);
    made.deadline = asked.terms.deadline;
    made.id = core::request_id(via.random());
    made.keys = impl->keys();
    co_return co_await send(via, impl->log(), std::move(made));
}

// Reading is lenient and takes any object for a reply; what has no id, or is a list of nothing at all, is none.
template <class Reply> result<Reply> read_object(std::string&& body, const object_call& asked) {
    if constexpr (std::is_same_v<Reply, deletion>) {
        // OpenAI's document has no reply for some of these, and 204 has none anywhere.
        if (body.empty()) {
            deletion done;
            done.id = asked.path.back();
            done.deleted = true;
            return done;
        }
    }
    result<Reply> got = json::read<Reply>(body, json::read_options::lenient());
    if (!got) return got;
    if constexpr (requires { got->data; }) {
        if (!got->data.empty()) return got;
        const result<std::vector<json::member>> members = json::members(body);
        if (members && std::any_of(members->begin(), members->end(),
                                   [](const json::member& m) { return m.name == "data"; }))
            return got;
        return fault(errc::protocol, "the provider answered with a document that has no data");
    } else {
        if (!got->id.empty()) return got;
        return fault(errc::protocol, "the provider answered with a document that has no id");
    }
}
template <> result<files::content> read_object<files::content>(std::string&& body, const object_call&) {
    files::content made;
    made.bytes = std::move(body);
    return made;
}

template <class Reply>
result<Reply> reply_of(result<router::object_answer> answer, const object_call& asked) {
    if (!answer) return std::move(answer).error();
    result<Reply> got = read_object<Reply>(std::move(answer->body), asked);
    if (!got) {
        fault f = std::move(got).error();
        f.provider = std::move(answer->route.provider);
        return f;
    }
    got->x_modelmesh = std::move(answer->route);
    return got;
}

template <class Reply>
task<result<Reply>> whole(std::shared_ptr<detail::client_impl> impl, asked_object asked) {
    function<task<result<router::object_answer>>(detail::call_site)> work =
        [impl, asked](detail::call_site at) { return send_there(impl, at.via, asked, router::ask_provider); };
    result<router::object_answer> answer = co_await detail::client_impl::on_loop(impl, std::move(work));
    co_return reply_of<Reply>(std::move(answer), *asked.call);
}

task<result<detail::opened_stream>> open_there(std::shared_ptr<detail::client_impl> impl,
                                               detail::call_site at, asked_object asked) {
    result<router::object_answer> answer =
        co_await send_there(impl, at.via, std::move(asked), router::open_object);
    if (!answer) co_return std::move(answer).error();
    detail::opened_stream opened;
    opened.client = std::move(impl);
    opened.session = std::move(answer->stream);
    opened.route = std::move(answer->route);
    opened.elsewhere = at.elsewhere;
    co_return opened;
}

task<result<detail::opened_stream>> streamed(std::shared_ptr<detail::client_impl> impl, asked_object asked) {
    function<task<result<detail::opened_stream>>(detail::call_site)> work =
        [impl, asked](detail::call_site at) { return open_there(impl, at, asked); };
    co_return co_await detail::client_impl::on_loop(impl, std::move(work));
}

template <class Reply>
task<result<Reply>> call(std::shared_ptr<detail::client_impl> impl, object_call what, const call_options& opt,
                         std::string_view name) {
    return core::canceled_as_fault(whole<Reply>(std::move(impl), asked_for(std::move(what), opt)),
                                   std::string(name));
}

// ----------------------------------------------------------------------------------------------------
// models, of which the mesh knows some itself

models::model listed(const router::model_entry& known) {
    models::model made;
    made.id = known.id;
    made.owned_by = known.provider->id;
    return made;
}

task<result<models::list>> list_all(std::shared_ptr<detail::client_impl> impl, detail::net_transport& via) {
    const auto ready = co_await detail::client_impl::ensure_ready(impl, via);
    if (!ready) co_return ready.error();
    models::list all;
    for (const auto& entry : (*ready)->models) all.data.push_back(listed(*entry));
    co_return all;
}

task<result<models::list>> list_on_loop(std::shared_ptr<detail::client_impl> impl) {
    function<task<result<models::list>>(detail::call_site)> work = [impl](detail::call_site at) {
        return list_all(impl, at.via);
    };
    co_return co_await detail::client_impl::on_loop(impl, std::move(work));
}

/// A call about a model of one provider.
asked_object about_model(const detail::client_impl& impl, std::string_view method, std::string_view id,
                         const call_options& opt) {
    std::string provider = opt.provider();
    const std::shared_ptr<const router::snapshot> picture = impl.current();
    for (const auto& each : picture->providers) {
        const std::string own = each->id + ".";
        if (id.size() == own.size() || !id.starts_with(own) || (!provider.empty() && provider != each->id))
            continue;
        provider = each->id;
        id.remove_prefix(own.size());
        break;
    }
    object_call call = get({"models", id_of(id)});
    call.method = method;
    asked_object asked = asked_for(std::move(call), opt);
    asked.terms.provider = std::move(provider);
    return asked;
}

// The model that a request for this name would go to. Errors: not_found, the mesh knows none.
result<models::model> known_model(const router::snapshot& picture, std::string_view name, time_point now) {
    const result<const router::pool*> pool = picture.resolve(name);
    if (!pool) return pool.error();
    if (const router::model_entry* next = router::next_model(**pool, now)) return listed(*next);
    fault f(errc::not_found, "pool '" + (*pool)->name + "' has no models");
    f.pool = (*pool)->name;
    return f;
}

// What the mesh knows, or else a provider. Where that does not know the model either, the mesh says which name is like
// it.
task<result<models::model>> find_there(std::shared_ptr<detail::client_impl> impl, detail::net_transport& via,
                                       std::string id, asked_object asked) {
    const auto ready = co_await detail::client_impl::ensure_ready(impl, via, asked.terms.deadline);
    if (!ready) co_return ready.error();
    result<models::model> known = known_model(**ready, id, via.time().now());
    if (known) co_return known;
    const std::shared_ptr<const object_call> call = asked.call;
    result<router::object_answer> answer =
        co_await send_there(std::move(impl), via, std::move(asked), router::ask_provider);
    if (!answer && (answer.error().kind() == errc::not_found || answer.error().kind() == errc::unsupported)) {
        fault f = answer.error();
        f.message += " (" + known.error().message + ")";
        co_return f;
    }
    co_return reply_of<models::model>(std::move(answer), *call);
}

task<result<models::model>> find_on_loop(std::shared_ptr<detail::client_impl> impl, std::string id,
                                         asked_object asked) {
    function<task<result<models::model>>(detail::call_site)> work =
        [impl, id = std::move(id), asked = std::move(asked)](detail::call_site at) {
            return find_there(impl, at.via, id, asked);
        };
    co_return co_await detail::client_impl::on_loop(impl, std::move(work));
}

} // namespace

namespace models {
task<result<list>> resource::try_list() { return core::canceled_as_fault(list_on_loop(impl_), "list"); }
task<list> resource::list() { return detail::or_throw(try_list()); }
task<result<model>> resource::try_retrieve(std::string_view id, const call_options& opt) {
    asked_object asked = about_model(*impl_, "GET", id, opt);
    if (!opt.provider().empty())
        return core::canceled_as_fault(whole<model>(impl_, std::move(asked)), "retrieve");
    return core::canceled_as_fault(find_on_loop(impl_, std::string(id), std::move(asked)), "retrieve");
}
task<model> resource::retrieve(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_retrieve(id, opt));
}
task<result<deletion>> resource::try_remove(std::string_view id, const call_options& opt) {
    return core::canceled_as_fault(whole<deletion>(impl_, about_model(*impl_, "DELETE", id, opt)), "remove");
}
task<deletion> resource::remove(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_remove(id, opt));
}
} // namespace models

namespace files {
task<result<file>> resource::try_create(const request& req, const call_options& opt) {
    return call<file>(impl_, with_file(post({"files"}, json::write(req)), "file", req.file), opt, "create");
}
task<file> resource::create(const request& req, const call_options& opt) {
    return detail::or_throw(try_create(req, opt));
}
task<result<files::list>> resource::try_list(const query& which, const call_options& opt) {
    return call<files::list>(impl_, paged(get({"files"}), which), opt, "list");
}
task<files::list> resource::list(const query& which, const call_options& opt) {
    return detail::or_throw(try_list(which, opt));
}
task<result<files::list>> resource::try_list(const call_options& opt) { return try_list(query(), opt); }
task<files::list> resource::list(const call_options& opt) { return detail::or_throw(try_list(opt)); }
task<result<file>> resource::try_retrieve(std::string_view id, const call_options& opt) {
    return call<file>(impl_, get({"files", id_of(id)}), opt, "retrieve");
}
task<file> resource::retrieve(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_retrieve(id, opt));
}
task<result<deletion>> resource::try_remove(std::string_view id, const call_options& opt) {
    return call<deletion>(impl_, remove_of({"files", id_of(id)}), opt, "remove");
}
task<deletion> resource::remove(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_remove(id, opt));
}
task<result<files::content>> resource::try_content(std::string_view id, const call_options& opt) {
    return call<files::content>(impl_, bytes_of({"files", id_of(id), "content"}), opt, "content");
}
task<files::content> resource::content(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_content(id, opt));
}
task<result<byte_stream>> resource::try_content_stream(std::string_view id, const call_options& opt) {
    return core::canceled_as_fault(
        detail::stream_opener::opened<detail::byte_source, std::string_view>(
            streamed(impl_, asked_for(bytes_of({"files", id_of(id), "content"}), opt))),
        "content_stream");
}
task<byte_stream> resource::content_stream(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_content_stream(id, opt));
}
} // namespace files

namespace uploads {
task<result<part>> parts_resource::try_create(std::string_view upload_id, const http::attachment& data,
                                              const call_options& opt) {
    return call<part>(impl_, with_file(post({"uploads", id_of(upload_id), "parts"}), "data", data), opt,
                      "create");
}
task<part> parts_resource::create(std::string_view upload_id, const http::attachment& data,
                                  const call_options& opt) {
    return detail::or_throw(try_create(upload_id, data, opt));
}
task<result<upload>> resource::try_create(const request& req, const call_options& opt) {
    return call<upload>(impl_, post({"uploads"}, json::write(req)), opt, "create");
}
task<upload> resource::create(const request& req, const call_options& opt) {
    return detail::or_throw(try_create(req, opt));
}
task<result<upload>> resource::try_complete(std::string_view id, const completion& of,
                                            const call_options& opt) {
    return call<upload>(impl_, post({"uploads", id_of(id), "complete"}, json::write(of)), opt, "complete");
}
task<upload> resource::complete(std::string_view id, const completion& of, const call_options& opt) {
    return detail::or_throw(try_complete(id, of, opt));
}
task<result<upload>> resource::try_cancel(std::string_view id, const call_options& opt) {
    return call<upload>(impl_, post({"uploads", id_of(id), "cancel"}), opt, "cancel");
}
task<upload> resource::cancel(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_cancel(id, opt));
}
} // namespace uploads

namespace batches {
task<result<batch>> resource::try_create(const request& req, const call_options& opt) {
    return call<batch>(impl_, post({"batches"}, json::write(req)), opt, "create");
}
task<batch> resource::create(const request& req, const call_options& opt) {
    return detail::or_throw(try_create(req, opt));
}
task<result<batch>> resource::try_retrieve(std::string_view id, const call_options& opt) {
    return call<batch>(impl_, get({"batches", id_of(id)}), opt, "retrieve");
}
task<batch> resource::retrieve(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_retrieve(id, opt));
}
task<result<batch>> resource::try_cancel(std::string_view id, const call_options& opt) {
    return call<batch>(impl_, post({"batches", id_of(id), "cancel"}), opt, "cancel");
}
task<batch> resource::cancel(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_cancel(id, opt));
}
task<result<batches::list>> resource::try_list(const page& which, const call_options& opt) {
    return call<batches::list>(impl_, paged(get({"batches"}), which), opt, "list");
}
task<batches::list> resource::list(const page& which, const call_options& opt) {
    return detail::or_throw(try_list(which, opt));
}
task<result<batches::list>> resource::try_list(const call_options& opt) { return try_list(page(), opt); }
task<batches::list> resource::list(const call_options& opt) { return detail::or_throw(try_list(opt)); }
} // namespace batches

namespace fine_tuning {
task<result<job>> jobs_resource::try_create(const request& req, const call_options& opt) {
    return call<job>(impl_, post({"fine_tuning", "jobs"}, json::write(req)), opt, "create");
}
task<job> jobs_resource::create(const request& req, const call_options& opt) {
    return detail::or_throw(try_create(req, opt));
}
task<result<job>> jobs_resource::try_retrieve(std::string_view id, const call_options& opt) {
    return call<job>(impl_, get({"fine_tuning", "jobs", id_of(id)}), opt, "retrieve");
}
task<job> jobs_resource::retrieve(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_retrieve(id, opt));
}
task<result<job>> jobs_resource::try_cancel(std::string_view id, const call_options& opt) {
    return call<job>(impl_, post({"fine_tuning", "jobs", id_of(id), "cancel"}), opt, "cancel");
}
task<job> jobs_resource::cancel(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_cancel(id, opt));
}
task<result<job>> jobs_resource::try_pause(std::string_view id, const call_options& opt) {
    return call<job>(impl_, post({"fine_tuning", "jobs", id_of(id), "pause"}), opt, "pause");
}
task<job> jobs_resource::pause(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_pause(id, opt));
}
task<result<job>> jobs_resource::try_resume(std::string_view id, const call_options& opt) {
    return call<job>(impl_, post({"fine_tuning", "jobs", id_of(id), "resume"}), opt, "resume");
}
task<job> jobs_resource::resume(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_resume(id, opt));
}
task<result<job_list>> jobs_resource::try_list(const query& which, const call_options& opt) {
    return call<job_list>(impl_, paged(get({"fine_tuning", "jobs"}), which), opt, "list");
}
task<job_list> jobs_resource::list(const query& which, const call_options& opt) {
    return detail::or_throw(try_list(which, opt));
}
task<result<job_list>> jobs_resource::try_list(const call_options& opt) { return try_list(query(), opt); }
task<job_list> jobs_resource::list(const call_options& opt) { return detail::or_throw(try_list(opt)); }
task<result<event_list>> jobs_resource::try_list_events(std::string_view id, const page& which,
                                                        const call_options& opt) {
    return call<event_list>(impl_, paged(get({"fine_tuning", "jobs", id_of(id), "events"}), which), opt,
                            "list_events");
}
task<event_list> jobs_resource::list_events(std::string_view id, const page& which, const call_options& opt) {
    return detail::or_throw(try_list_events(id, which, opt));
}
task<result<event_list>> jobs_resource::try_list_events(std::string_view id, const call_options& opt) {
    return try_list_events(id, page(), opt);
}
task<event_list> jobs_resource::list_events(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_list_events(id, opt));
}
task<result<checkpoint_list>> checkpoints_resource::try_list(std::string_view job_id, const page& which,
                                                             const call_options& opt) {
    return call<checkpoint_list>(
        impl_, paged(get({"fine_tuning", "jobs", id_of(job_id), "checkpoints"}), which), opt, "list");
}
task<checkpoint_list> checkpoints_resource::list(std::string_view job_id, const page& which,
                                                 const call_options& opt) {
    return detail::or_throw(try_list(job_id, which, opt));
}
task<result<checkpoint_list>> checkpoints_resource::try_list(std::string_view job_id,
                                                             const call_options& opt) {
    return try_list(job_id, page(), opt);
}
task<checkpoint_list> checkpoints_resource::list(std::string_view job_id, const call_options& opt) {
    return detail::or_throw(try_list(job_id, opt));
}
} // namespace fine_tuning

namespace responses {
task<result<reply>> resource::try_retrieve(std::string_view id, const query& which, const call_options& opt) {
    return call<reply>(impl_, response_of(id, which), opt, "retrieve");
}
task<reply> resource::retrieve(std::string_view id, const query& which, const call_options& opt) {
    return detail::or_throw(try_retrieve(id, which, opt));
}
task<result<reply>> resource::try_retrieve(std::string_view id, const call_options& opt) {
    return try_retrieve(id, query(), opt);
}
task<reply> resource::retrieve(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_retrieve(id, opt));
}
task<result<item_stream<event>>> resource::try_retrieve_stream(std::string_view id, const query& which,
                                                               const call_options& opt) {
    return core::canceled_as_fault(detail::stream_opener::opened<detail::json_source<event>, event>(
                                       streamed(impl_, asked_for(response_of(id, which, true), opt))),
                                   "retrieve_stream");
}
task<item_stream<event>> resource::retrieve_stream(std::string_view id, const query& which,
                                                   const call_options& opt) {
    return detail::or_throw(try_retrieve_stream(id, which, opt));
}
task<result<item_stream<event>>> resource::try_retrieve_stream(std::string_view id, const call_options& opt) {
    return try_retrieve_stream(id, query(), opt);
}
task<item_stream<event>> resource::retrieve_stream(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_retrieve_stream(id, opt));
}
task<result<reply>> resource::try_cancel(std::string_view id, const call_options& opt) {
    return call<reply>(impl_, post({"responses", id_of(id), "cancel"}), opt, "cancel");
}
task<reply> resource::cancel(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_cancel(id, opt));
}
task<result<deletion>> resource::try_remove(std::string_view id, const call_options& opt) {
    return call<deletion>(impl_, remove_of({"responses", id_of(id)}), opt, "remove");
}
task<deletion> resource::remove(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_remove(id, opt));
}
task<result<item_list>> resource::try_list_input_items(std::string_view id, const item_query& which,
                                                       const call_options& opt) {
    return call<item_list>(impl_, paged(get({"responses", id_of(id), "input_items"}), which), opt,
                           "list_input_items");
}
task<item_list> resource::list_input_items(std::string_view id, const item_query& which,
                                           const call_options& opt) {
    return detail::or_throw(try_list_input_items(id, which, opt));
}
task<result<item_list>> resource::try_list_input_items(std::string_view id, const call_options& opt) {
    return try_list_input_items(id, item_query(), opt);
}
task<item_list> resource::list_input_items(std::string_view id, const call_options& opt) {
    return detail::or_throw(try_list_input_items(id, opt));
}
} // namespace responses

} // namespace modelmesh
