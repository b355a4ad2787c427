#include "service.hpp"

#include "completion.hpp"

#include <algorithm>

namespace modelmesh::testing::detail {
namespace {

constexpr std::string_view models_path = "/v1/models";

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

} // namespace

service::service(const simulator_options& settings)
    : settings_(settings), script_(script::parse(settings.script)) {}

reply_context service::next_context(bool keep_alive) { return {settings_.name, ++serial_, keep_alive}; }

bool service::serves(const std::string& model) const {
    return std::find(settings_.models.begin(), settings_.models.end(), model) != settings_.models.end();
}

planned_reply service::respond(recorded_request request, bool keep_alive) {
    const reply_context context = next_context(keep_alive);
    if (settings_.keep_requests != 0) {
        const std::lock_guard lock(mutex_);
        if (recorded_.size() == settings_.keep_requests) recorded_.pop_front();
        recorded_.push_back(request);
    }

    const std::string path = request.target.substr(0, request.target.find('?'));
    const bool is_chat = path == "/v1/chat/completions";
    const bool is_model = path.rfind(std::string(models_path) + "/", 0) == 0;
    if (!is_chat && !is_model && path != models_path && path != "/health")
        return failed(context, 404,
                      {"Unknown request URL: " + request.method + " " + path + ".", "invalid_request_error",
                       std::nullopt, "unknown_url"});
    const std::string_view allowed = is_chat ? "POST" : "GET";
    if (request.method != allowed)
        return failed(context, 405,
                      {"Not allowed to " + request.method + " on " + path + ".", "invalid_request_error",
                       std::nullopt, "method_not_supported"});

    if (is_chat) return respond_to_chat(request, context);
    if (path == "/health") return plain(context, 200, R"({"status":"ok"})");
    if (path == models_path) return plain(context, 200, models_body(settings_.models));
    const std::string id = path.substr(models_path.size() + 1);
    return serves(id) ? plain(context, 200, model_body(id)) : failed(context, 404, unknown_model(id));
}

planned_reply service::respond_to_chat(const recorded_request& request, const reply_context& context) {
    const auto parsed = read_chat_request(request.body);
    if (const auto* refused = std::get_if<refusal>(&parsed))
        return failed(context, refused->status, refused->error);
    const auto& chat = std::get<chat_request>(parsed);
    if (!serves(chat.model)) return failed(context, 404, unknown_model(chat.model));
    const rule how = script_.next(chat.model, chat.stream);
    return {reply::chat(context, chat, how), how};
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
