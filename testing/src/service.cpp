#include "service.hpp"

#include "completion.hpp"
#include "endpoints.hpp"
#include "image.hpp"

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

/// Whether the path fits the pattern. Puts what stood at the place of {id} or {rest} into `id`.
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
    id = middle;
    return true;
}

} // namespace

const std::vector<service::route>& service::routes() {
    static const std::vector<route> table{
        {"GET", "/health", &service::show_health},
        {"GET", "/v1/models", &service::list_models},
        {"GET", "/v1/models/{rest}", &service::show_model},
        {"GET", "/images/{id}", &service::show_image},
        {"POST", "/v1/chat/completions", nullptr, read_chat},
        {"POST", "/v1/completions", nullptr, read_text_completion},
        {"POST", "/v1/responses", &service::create_response},
        {"GET", "/v1/responses/{id}", &service::show_response},
        {"DELETE", "/v1/responses/{id}", &service::remove_response},
        {"POST", "/v1/responses/{id}/cancel", &service::cancel_response},
        {"POST", "/v1/embeddings", nullptr, read_embeddings},
        {"POST", "/v1/rerank", nullptr, read_rerank},
        {"POST", "/v1/moderations", nullptr, read_moderation},
        {"POST", "/v1/images/generations", nullptr, read_image_generation},
        {"POST", "/v1/images/edits", nullptr, read_image_edit},
        {"POST", "/v1/images/variations", nullptr, read_image_variation},
        {"POST", "/v1/audio/speech", nullptr, read_speech},
        {"POST", "/v1/audio/transcriptions", nullptr, read_transcription},
        {"POST", "/v1/audio/translations", nullptr, read_translation},
        {"POST", "/v1/files", &service::add_file},
        {"GET", "/v1/files", &service::list_files},
        {"GET", "/v1/files/{id}", &service::show_file},
        {"DELETE", "/v1/files/{id}", &service::remove_file},
        {"GET", "/v1/files/{id}/content", &service::send_file},
    };
    return table;
}

service::service(const simulator_options& settings)
    : settings_(settings), script_(script::parse(settings.script)) {}

reply_context service::next_context(bool keep_alive) { return {settings_.name, ++serial_, keep_alive}; }

bool service::serves(const std::string& model) const {
    return std::find(settings_.models.begin(), settings_.models.end(), model) != settings_.models.end();
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
        if (way.read == nullptr) return (this->*way.respond)(what);
        return ask_model(what, way.path.substr(version_path.size()), way.read(what.request));
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
    return plain(what.context, 200, responses_.show(what.id));
}

planned_reply service::cancel_response(const call& what) {
    return plain(what.context, 200, responses_.cancel(what.id));
}

planned_reply service::remove_response(const call& what) {
    return plain(what.context, 200, responses_.remove(what.id));
}

planned_reply service::add_file(const call& what) {
    return plain(what.context, 200, files_.add(what.request, what.context));
}

planned_reply service::list_files(const call& what) {
    const std::string& target = what.request.target;
    const std::size_t query = std::min(target.find('?'), target.size());
    return plain(what.context, 200,
                 files_.list(std::string_view(target).substr(query == target.size() ? query : query + 1)));
}

planned_reply service::show_file(const call& what) { return plain(what.context, 200, files_.show(what.id)); }

planned_reply service::send_file(const call& what) {
    return found(what.context, files_.content(what.id), "application/octet-stream");
}

planned_reply service::remove_file(const call& what) {
    return plain(what.context, 200, files_.remove(what.id));
}

planned_reply service::show_health(const call& what) {
    return plain(what.context, 200, R"({"status":"ok"})");
}

planned_reply service::list_models(const call& what) {
    return plain(what.context, 200, models_body(settings_.models));
}

planned_reply service::show_model(const call& what) {
    if (!serves(what.id)) throw refusal(404, unknown_model(what.id));
    return plain(what.context, 200, model_body(what.id));
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
