#include "service.hpp"

#include "completion.hpp"
#include "endpoints.hpp"
#include "image.hpp"
#include "paging.hpp"

#include <algorithm>
#include <charconv>

namespace modelmesh::testing::detail {
namespace {

constexpr std::string_view version_path = "/v1/";

planned_reply found(const reply_context& context, std::string body, std::string content_type) {
    auto content = std::make_shared<whole_answer>(std::move(body), std::move(content_type));
    return {reply::of(context, std::move(content), rule{}), rule{}};
}

planned_reply plain(const reply_context& context, int status, std::string body) {
    return {reply::whole(context, status, std::move(body), rule{}), rule{}};
}

planned_reply failed(const reply_context& context, int status, api_error error) {
    return plain(context, status, error_body(error));
}

api_error unknown_model(const std::string& id) {
    return {"The model `" + id + "` does not exist or you do not have access to it.", "invalid_request_error",
            std::nullopt, "model_not_found"};
}

/// Whether the path fits the pattern. Puts what stood at the place of {id} or {rest} into `id`, decoded.
bool matches(std::string_view pattern, std::string_view path, std::string& id) {
    const std::size_t open = pattern.find('{');
    if (open == pattern.npos) return pattern == path;
    const std::size_t close = pattern.find('}') + 1;
    const bool takes_rest = pattern.substr(open, close - open) == "{rest}";
    const std::string_view before = pattern.substr(0, open), after = pattern.substr(close);
    if (path.size() <= before.size() + after.size() || path.substr(0, before.size()) != before ||
        path.substr(path.size() - after.size()) != after)
        return false;
    const std::string_view middle = path.substr(before.size(), path.size() - before.size() - after.size());
    if (!takes_rest && middle.find('/') != middle.npos) return false;
    id = decoded(middle);
    return true;
}

} // namespace

const std::vector<service::route>& service::routes() {
    static const std::vector<route> table{
        {"GET", "/health", &service::show_health},
        {"GET", "/v1/models", &service::list_models},
        {"GET", "/v1/models/{rest}", &service::show_model},
        {"DELETE", "/v1/models/{rest}", &service::remove_model},
        {"GET", "/images/{id}", &service::show_image},
        {"POST", "/v1/chat/completions", read_chat},
        {"POST", "/v1/completions", read_text_completion},
        {"POST", "/v1/responses", &service::create_response},
        {"GET", "/v1/responses/{id}", &service::show_response},
        {"DELETE", "/v1/responses/{id}",
         maker([](service& s, const call& c) { return s.responses_.remove(c.id); })},
        {"POST", "/v1/responses/{id}/cancel",
         maker([](service& s, const call& c) { return s.responses_.cancel(c.id); })},
        {"GET", "/v1/responses/{id}/input_items",
         maker([](service& s, const call& c) { return s.responses_.input_items(c.id, c.request); })},
        {"POST", "/v1/embeddings", read_embeddings},
        {"POST", "/v1/rerank", read_rerank},
        {"POST", "/v1/search", read_search},
        {"POST", "/v1/moderations", read_moderation},
        {"POST", "/v1/images/generations", read_image_generation},
        {"POST", "/v1/images/edits", read_image_edit},
        {"POST", "/v1/images/variations", read_image_variation},
        {"POST", "/v1/audio/speech", read_speech},
        {"POST", "/v1/audio/transcriptions", read_transcription},
        {"POST", "/v1/audio/translations", read_translation},
        {"POST", "/v1/files",
         maker([](service& s, const call& c) { return s.files_.add(c.request, c.context); })},
        {"GET", "/v1/files", maker([](service& s, const call& c) { return s.files_.list(c.request); })},
        {"GET", "/v1/files/{id}", maker([](service& s, const call& c) { return s.files_.show(c.id); })},
        {"DELETE", "/v1/files/{id}", maker([](service& s, const call& c) { return s.files_.remove(c.id); })},
        {"GET", "/v1/files/{id}/content", &service::send_file},
        {"POST", "/v1/uploads",
         maker([](service& s, const call& c) { return s.uploads_.create(c.request, c.context); })},
        {"POST", "/v1/uploads/{id}/parts",
         maker([](service& s, const call& c) { return s.uploads_.add_part(c.id, c.request, c.context); })},
        {"POST", "/v1/uploads/{id}/complete", maker([](service& s, const call& c) {
             return s.uploads_.complete(c.id, c.request, c.context, s.files_);
         })},
        {"POST", "/v1/uploads/{id}/cancel",
         maker([](service& s, const call& c) { return s.uploads_.cancel(c.id); })},
        {"POST", "/v1/batches",
         maker([](service& s, const call& c) { return s.batches_.create(c.request, c.context, s.files_); })},
        {"GET", "/v1/batches", maker([](service& s, const call& c) { return s.batches_.list(c.request); })},
        {"GET", "/v1/batches/{id}", maker([](service& s, const call& c) {
             return s.batches_.show(c.id, c.context, s.files_,
                                    [&s](const std::string& endpoint, const std::string& body) {
                                        return s.answer_line(endpoint, body);
                                    });
         })},
        {"POST", "/v1/batches/{id}/cancel",
         maker([](service& s, const call& c) { return s.batches_.cancel(c.id); })},
        {"POST", "/v1/fine_tuning/jobs",
         maker([](service& s, const call& c) { return s.jobs_.create(c.request, c.context, s.files_); })},
        {"GET", "/v1/fine_tuning/jobs",
         maker([](service& s, const call& c) { return s.jobs_.list(c.request); })},
        {"GET", "/v1/fine_tuning/jobs/{id}",
         maker([](service& s, const call& c) { return s.jobs_.show(c.id); })},
        {"POST", "/v1/fine_tuning/jobs/{id}/cancel",
         maker([](service& s, const call& c) { return s.jobs_.cancel(c.id); })},
        {"POST", "/v1/fine_tuning/jobs/{id}/pause",
         maker([](service& s, const call& c) { return s.jobs_.pause(c.id); })},
        {"POST", "/v1/fine_tuning/jobs/{id}/resume",
         maker([](service& s, const call& c) { return s.jobs_.resume(c.id); })},
        {"GET", "/v1/fine_tuning/jobs/{id}/events",
         maker([](service& s, const call& c) { return s.jobs_.events(c.id, c.request); })},
        {"GET", "/v1/fine_tuning/jobs/{id}/checkpoints",
         maker([](service& s, const call& c) { return s.jobs_.checkpoints(c.id, c.request); })},
    };
    return table;
}

service::service(const simulator_options& settings)
    : settings_(settings), script_(script::parse(settings.script)) {}

reply_context service::next_context(bool keep_alive) { return {settings_.name, ++serial_, keep_alive}; }

std::vector<std::string> service::models() const {
    std::vector<std::string> all = settings_.models;
    all.insert(all.end(), jobs_.models().begin(), jobs_.models().end());
    return all;
}

bool service::serves(const std::string& model) const {
    const std::vector<std::string> all = models();
    return std::find(all.begin(), all.end(), model) != all.end();
}

planned_reply service::respond(recorded_request request, bool keep_alive) {
    reply_context context = next_context(keep_alive);
    context.origin = (settings_.tls ? "https://" : "http://") + request.header("host");
    if (settings_.keep_requests != 0) {
        const std::lock_guard lock(mutex_);
        if (recorded_.size() == settings_.keep_requests) recorded_.pop_front();
        recorded_.push_back(request);
    }

    const std::string path = request.target.substr(0, request.target.find('?'));
    call what{request, context, {}};
    bool known = false;
    for (const route& way : routes()) {
        if (!matches(way.path, path, what.id)) continue;
        if (way.method == request.method) return follow(way, what);
        known = true;
    }
    if (known)
        return failed(context, 405,
                      {"Not allowed to " + request.method + " on " + path + ".", "invalid_request_error",
                       std::nullopt, "method_not_supported"});
    return failed(context, 404,
                  {"Unknown request URL: " + request.method + " " + path + ".", "invalid_request_error",
                   std::nullopt, "unknown_url"});
}

planned_reply service::follow(const route& way, const call& what) {
    try {
        if (const handler* respond = std::get_if<handler>(&way.answer)) return (this->**respond)(what);
        if (const maker* make = std::get_if<maker>(&way.answer))
            return plain(what.context, 200, (*make)(*this, what));
        const reader read = std::get<reader>(way.answer);
        return ask_model(what, way.path.substr(version_path.size()), read(what.request));
    } catch (const refusal& refused) {
        return failed(what.context, refused.status, refused.error);
    }
}

planned_reply service::ask_model(const call& what, std::string_view path, const model_request& asked) {
    if (asked.names_model && !serves(asked.model)) throw refusal(404, unknown_model(asked.model));
    const rule how = script_.next(path, asked.model, asked.stream);
    return {reply::to(what.context, asked, how), how};
}

planned_reply service::create_response(const call& what) {
    const response_request asked = read_response_request(what.request.body);
    if (asked.previous && !responses_.has(*asked.previous))
        throw invalid("Previous response with id '" + *asked.previous + "' not found.",
                      "previous_response_id", "previous_response_not_found");
    const auto make = [&](const rule& how, const reply_context& context) {
        auto made = std::make_shared<response_answer>(asked, how, context);
        if (asked.store) responses_.keep(made);
        return made;
    };
    return ask_model(what, "responses", {asked.model, asked.stream, make});
}

planned_reply service::show_response(const call& what) {
    const fields in = query_of(what.request);
    if (!in.flag("stream")) return plain(what.context, 200, responses_.show(what.id));
    return {reply::of(what.context, responses_.replay(what.id, in), rule{}), rule{}};
}

planned_reply service::send_file(const call& what) {
    return found(what.context, files_.content(what.id), "application/octet-stream");
}

line_reply service::answer_line(const std::string& endpoint, const std::string& body) {
    const reply_context context = next_context(true);
    try {
        if (endpoint == "/v1/responses")
            return {200, response_answer(read_response_request(body), rule{}, context).body()};
        for (const route& way : routes()) {
            const reader* const read = std::get_if<reader>(&way.answer);
            if (read == nullptr || way.path != endpoint) continue;
            const model_request asked = (*read)({"POST", endpoint, {}, body});
            if (asked.names_model && !serves(asked.model)) throw refusal(404, unknown_model(asked.model));
            if (asked.stream) throw invalid("A request of a batch cannot be streamed.", "stream");
            return {200, asked.make(rule{}, context)->body()};
        }
    } catch (const refusal& refused) {
        return {refused.status, error_body(refused.error)};
    }
    return {404, error_body(default_error(404))};
}

planned_reply service::show_health(const call& what) {
    return plain(what.context, 200, R"({"status":"ok"})");
}

planned_reply service::list_models(const call& what) {
    return plain(what.context, 200, models_body(models()));
}

planned_reply service::show_model(const call& what) {
    if (!serves(what.id)) throw refusal(404, unknown_model(what.id));
    return plain(what.context, 200, model_body(what.id));
}

planned_reply service::remove_model(const call& what) {
    if (!serves(what.id)) throw refusal(404, unknown_model(what.id));
    if (!jobs_.remove_model(what.id))
        throw refusal(403, {"The model `" + what.id + "` is not yours to delete.", "invalid_request_error",
                            "model", std::nullopt});
    return plain(
        what.context, 200,
        boost::json::serialize(boost::json::object{{"id", what.id}, {"object", "model"}, {"deleted", true}}));
}

planned_reply service::show_image(const call& what) {
    const std::string_view name = what.id;
    std::uint64_t color = 0;
    const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), color);
    if (failure != std::errc() || std::string_view(end, name.data() + name.size()) != ".png")
        throw refusal(404, default_error(404));
    return found(what.context, png_of(color), "image/png");
}

planned_reply service::refuse(int status, const std::string& problem) {
    const reply_context context = next_context(false);
    api_error error = default_error(400);
    error.message = "The request is not valid HTTP: " + problem + ".";
    return failed(context, status, error);
}

std::vector<recorded_request> service::requests() const {
    const std::lock_guard lock(mutex_);
    return {recorded_.begin(), recorded_.end()};
}

} // namespace modelmesh::testing::detail
