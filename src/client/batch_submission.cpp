// Batches of chat requests through pools: a file of them at a provider that takes batches, the batch, and its replies.
#include "client/routed_call.hpp"
#include "router/guarded.hpp"
#include "router/object_request.hpp"
#include "router/request_facts.hpp"
#include "router/router.hpp"

#include <modelmesh/api/batches.hpp>
#include <modelmesh/api/chat.hpp>
#include <modelmesh/api/files.hpp>
#include <modelmesh/api/objects.hpp>
#include <modelmesh/core/or_throw.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <algorithm>
#include <charconv>
#include <optional>
#include <stdexcept>

namespace modelmesh {
namespace batch_file { // not without a name: reflection needs one

struct question {
    std::string custom_id{};
    std::string method = "POST";
    std::string url = "/v1/chat/completions";
    json::raw body{};
};

struct response {
    int status_code = 0;
    json::raw body{};
    json::extra extra{};
};

struct line_fault {
    json::maybe<std::string> code{};
    json::maybe<std::string> message{};
    json::extra extra{};
};

struct answer {
    std::string custom_id{};
    json::maybe<batch_file::response> response{};
    json::maybe<line_fault> error{};
    json::extra extra{};
};

} // namespace batch_file

namespace {

using connector::object_call;

constexpr std::string_view id_prefix = "request-";
constexpr std::size_t most_requests = 100'000; // twice of what OpenAI takes; a provider may say anything

/// What is to be done in a batch, wherever.
struct submission {
    std::string name;
    std::vector<chat::request> requests;
    detail::call_terms terms;
};

submission made_of(std::string_view model, const std::vector<chat::request>& requests,
                   const call_options& opt) {
    if (model.empty()) throw std::invalid_argument("submit: name a capability, a pool or a model");
    if (requests.empty()) throw std::invalid_argument("submit: there are no requests");
    for (const chat::request& each : requests) {
        if (each.messages.empty()) throw std::invalid_argument("submit: a request has no messages");
        if (each.stream && *each.stream) throw std::invalid_argument("submit: a batch has no streams");
    }
    return {std::string(model), requests, detail::call_terms(opt)};
}

// Of all of them together: one model has to do whatever any of them needs.
void add_needs(router::request_needs& to, const router::request_needs& more) {
    to.bits |= more.bits;
    to.images = std::max(to.images, more.images);
    to.tokens = std::max(to.tokens, more.tokens);
    to.output_tokens = std::max(to.output_tokens, more.output_tokens);
}

// The call that stands for all of them; its request is the first.
result<router::call> addressed(const std::shared_ptr<const router::snapshot>& picture,
                               const submission& what) {
    std::optional<router::call> made;
    for (chat::request each : what.requests) {
        each.model = what.name;
        const detail::prepared request =
            prepared_request::parse(operation::chat_completion, json::write(each), false);
        if (!request) return request.error();
        if (made) {
            add_needs(made->asked.needs, router::needs_of(**request, *made->pool));
            continue;
        }
        result<router::call> first = detail::address(picture, what.name, *request, what.terms);
        if (!first) return first;
        made = std::move(*first);
    }
    std::uint32_t& bits = made->asked.needs.bits;
    bits &= ~router::delivery_needs;
    bits |= made->pool->least.lacks & router::bit_of(router::need::batch);
    return detail::checked(std::move(*made));
}

std::string lines_of(const submission& what, const std::string& model) {
    std::string text;
    batch_file::question line;
    for (std::size_t i = 0; i < what.requests.size(); ++i) {
        chat::request each = what.requests[i];
        each.model = model;
        line.custom_id = std::string(id_prefix) + std::to_string(i);
        line.body.text = json::write(each);
        text.append(json::write(line)).append("\n");
    }
    return text;
}

// That a provider refuses the file or the batch says that it takes none like it, and nothing of its model.
fault as_refusal(const fault& f) {
    if (f.kind() != errc::not_found && f.kind() != errc::bad_request) return f;
    fault refusal(errc::unsupported, f.message);
    refusal.http_status = f.http_status;
    return refusal;
}

// Whether it has said so: a reply that is lost may have been of a batch that was made.
bool is_refused(const fault& f) {
    return (f.http_status >= 400 && f.http_status < 500) || f.kind() == errc::unsupported;
}

template <class Object> result<Object> object_in(result<router::object_answer>& answer) {
    if (!answer) return answer.error();
    result<Object> got = json::read<Object>(answer->body, json::read_options::lenient());
    if (got && got->id.empty())
        return fault(errc::protocol, "the provider answered with a document that has no id");
    return got;
}

/// A call about an object of this provider, by the rules of the batch's call.
task<result<router::object_answer>> ask(detail::client_impl& impl, detail::net_transport& via,
                                        std::shared_ptr<const router::snapshot> picture,
                                        const router::provider_entry& provider, object_call call,
                                        time_point deadline, const core::request_id& id) {
    router::object_request made;
    made.picture = std::move(picture);
    made.provider = &provider;
    made.call = std::make_shared<const object_call>(std::move(call));
    made.deadline = deadline;
    made.id = id;
    made.keys = impl.keys();
    return router::ask_provider(via, impl.log(), std::move(made)); // which owns all of it
}

/// Makes the batch at one provider. What is passed by address outlives each task: the work that place() awaits has it.
class submitter {
public:
    submitter(detail::client_impl& impl, detail::net_transport& via, const submission& what)
        : impl_(&impl), via_(&via), what_(&what) {}

    static task<result<void>> place(submitter* self, router::attempt_plan* plan) {
        object_call upload;
        upload.method = "POST";
        upload.path = {"files"};
        files::request about;
        about.purpose = "batch";
        upload.json = json::write(about);
        upload.files.push_back(
            {"file", http::attach_bytes("batch.jsonl", lines_of(*self->what_, plan->current().name))});
        result<router::object_answer> answer = co_await self->ask(*plan, std::move(upload));
        const result<files::file> input = object_in<files::file>(answer);
        if (!input) co_return as_refusal(input.error());

        object_call creation;
        creation.method = "POST";
        creation.path = {"batches"};
        batches::request work;
        work.input_file_id = input->id;
        work.endpoint = batch_file::question().url;
        creation.json = json::write(work);
        answer = co_await self->ask(*plan, std::move(creation));
        result<batches::batch> made = object_in<batches::batch>(answer);
        if (made) {
            self->made_ = std::move(*made);
            co_return result<void>();
        }
        fault failure = made.error();
        if (!is_refused(failure)) {
            plan->note_refusal();
            failure.message += "; whether the batch was made is not known";
            co_return failure;
        }
        object_call removal;
        removal.method = "DELETE";
        removal.path = {"files", input->id};
        (void)co_await self->ask(*plan, std::move(removal)); // what stays there harms nobody
        co_return as_refusal(failure);
    }

    [[nodiscard]] batches::batch take() { return std::move(made_); }

private:
    task<result<router::object_answer>> ask(const router::attempt_plan& plan, object_call call) {
        const router::call& made = plan.made();
        return modelmesh::ask(*impl_, *via_, made.picture, *plan.current().provider, std::move(call),
                              made.deadline, made.id);
    }

    detail::client_impl* impl_;
    detail::net_transport* via_;
    const submission* what_;
    batches::batch made_;
};

task<result<batches::batch>> submit_there(std::shared_ptr<detail::client_impl> impl,
                                          detail::net_transport& via,
                                          std::shared_ptr<const submission> what) {
    const auto ready = co_await detail::client_impl::ensure_ready(impl, via, what->terms.deadline);
    if (!ready) co_return ready.error();
    result<router::call> made = addressed(*ready, *what);
    if (!made) co_return std::move(made).error();
    made->id = core::request_id(via.random());
    made->keys = impl->keys();
    submitter work(*impl, via, *what);
    router::placement attempt = [&work](router::attempt_plan& plan) {
        return submitter::place(&work, &plan);
    };
    result<modelmesh::route> served =
        co_await router::place(via, impl->log(), std::move(*made), std::move(attempt));
    if (!served) co_return std::move(served).error();
    batches::batch batch = work.take();
    batch.x_modelmesh = std::move(*served);
    co_return batch;
}

task<result<batches::batch>> submit_on_loop(std::shared_ptr<detail::client_impl> impl,
                                            std::shared_ptr<const submission> what) {
    function<task<result<batches::batch>>(detail::call_site)> work = [impl, what](detail::call_site at) {
        return submit_there(impl, at.via, what);
    };
    co_return co_await detail::client_impl::on_loop(impl, std::move(work));
}

// ----------------------------------------------------------------------------------------------------
// replies

using reply_list = std::vector<result<chat::reply>>;

/// Where the replies of a batch are.
struct result_files {
    std::vector<std::string> ids; ///< of the answers, and of the failures
    std::size_t requests = 0;     ///< as many as the provider says; 0: it does not
    detail::call_terms terms;
};

// Which request a line is of; nothing: one that submit() has not made.
std::optional<std::size_t> index_in(std::string_view id) {
    if (!id.starts_with(id_prefix)) return std::nullopt;
    id.remove_prefix(id_prefix.size());
    std::size_t index = 0;
    const auto read = std::from_chars(id.data(), id.data() + id.size(), index);
    if (read.ec != std::errc() || read.ptr != id.data() + id.size() || index > most_requests)
        return std::nullopt;
    return index;
}

result<chat::reply> reply_in(const batch_file::answer& line, const router::provider_entry& by,
                             const clock& time) {
    if (line.response && line.response->status_code >= 200 && line.response->status_code < 300)
        return json::read<chat::reply>(line.response->body.text, json::read_options::lenient());
    if (line.response && line.response->status_code != 0) {
        http::response answer;
        answer.status = line.response->status_code;
        answer.body = line.response->body.text;
        return router::guarded([&] { return by.codec->classify(answer, time.wall()); });
    }
    std::string why = "the request of the batch has failed";
    if (line.error && line.error->message) why = *line.error->message;
    return fault(errc::upstream, std::move(why));
}

fault no_reply() { return fault(errc::upstream, "the batch has no reply to this request"); }

// Errors: protocol, a line is none.
result<void> add_lines(reply_list& to, std::string_view text, const router::provider_entry& by,
                       const clock& time) {
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.find_first_not_of(" \t\r") == line.npos) continue;
        const result<batch_file::answer> got =
            json::read<batch_file::answer>(line, json::read_options::lenient());
        if (!got) return got.error();
        const std::optional<std::size_t> index = index_in(got->custom_id);
        if (!index)
            return fault(errc::bad_request,
                         "the batch has a request '" + got->custom_id.substr(0, 100) +
                             "', which is not of submit(); client.files.content reads its files");
        while (to.size() <= *index) to.emplace_back(no_reply());
        result<chat::reply> reply = reply_in(*got, by, time);
        if (!reply) {
            fault failure = reply.error();
            failure.provider = by.id;
            by.redact(failure.message);
            reply = std::move(failure);
        }
        to[*index] = std::move(reply);
    }
    return {};
}

task<result<reply_list>> replies_there(std::shared_ptr<detail::client_impl> impl, detail::net_transport& via,
                                       std::shared_ptr<const result_files> wanted) {
    reply_list replies(wanted->requests, no_reply());
    const std::shared_ptr<const router::snapshot> picture = impl->current();
    const result<const router::provider_entry*> provider = picture->find_provider(wanted->terms.provider);
    if (!provider) co_return provider.error();
    for (const std::string& id : wanted->ids) {
        object_call content;
        content.path = {"files", id, "content"};
        content.is_binary = true;
        const core::request_id request(via.random());
        const result<router::object_answer> answer = co_await ask(
            *impl, via, picture, **provider, std::move(content), wanted->terms.deadline, request);
        if (!answer) co_return answer.error();
        const result<void> added = add_lines(replies, answer->body, **provider, via.time());
        if (!added) co_return added.error();
    }
    co_return replies;
}

task<result<reply_list>> replies_on_loop(std::shared_ptr<detail::client_impl> impl,
                                         std::shared_ptr<const result_files> wanted) {
    if (wanted->ids.empty())
        co_return fault(errc::bad_request, "the batch has no replies yet: retrieve it until its status is "
                                           "completed, expired or cancelled");
    function<task<result<reply_list>>(detail::call_site)> work = [impl, wanted](detail::call_site at) {
        return replies_there(impl, at.via, wanted);
    };
    co_return co_await detail::client_impl::on_loop(impl, std::move(work));
}

} // namespace

namespace batches {

task<result<batch>> resource::try_submit(std::string_view model, const std::vector<chat::request>& requests,
                                         const call_options& opt) {
    return core::canceled_as_fault(
        submit_on_loop(impl_, std::make_shared<const submission>(made_of(model, requests, opt))), "submit");
}
task<batch> resource::submit(std::string_view model, const std::vector<chat::request>& requests,
                             const call_options& opt) {
    return detail::or_throw(try_submit(model, requests, opt));
}

task<result<std::vector<result<chat::reply>>>> resource::try_replies(const batch& of,
                                                                     const call_options& opt) {
    result_files wanted{{}, 0, detail::call_terms(opt)};
    for (const json::maybe<std::string>* id : {&of.output_file_id, &of.error_file_id})
        if (*id && !(*id)->empty()) wanted.ids.push_back(**id);
    if (of.request_counts)
        wanted.requests =
            static_cast<std::size_t>(std::clamp<std::int64_t>(of.request_counts->total, 0, most_requests));
    if (wanted.terms.provider.empty() && of.x_modelmesh) wanted.terms.provider = of.x_modelmesh->provider;
    return core::canceled_as_fault(
        replies_on_loop(impl_, std::make_shared<const result_files>(std::move(wanted))), "replies");
}
task<std::vector<result<chat::reply>>> resource::replies(const batch& of, const call_options& opt) {
    return detail::or_throw(try_replies(of, opt));
}

} // namespace batches
} // namespace modelmesh
