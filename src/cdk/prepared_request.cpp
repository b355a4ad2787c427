#include <modelmesh/connector/prepared_request.hpp>

namespace modelmesh {

namespace {
bool may_lack_model(operation what) noexcept {
    switch (what) {
    case operation::response:
    case operation::moderation:
    case operation::image_generation:
    case operation::image_edit:
    case operation::image_variation:
        return true;
    default:
        return false;
    }
}
} // namespace

prepared_request::prepared_request(modelmesh::operation what, std::string json, bool stream,
                                   std::vector<attached_file> files)
    : operation_(what), stream_(stream), json_(std::move(json)), files_(std::move(files)) {}

result<std::shared_ptr<const prepared_request>> prepared_request::parse(modelmesh::operation what,
                                                                        std::string json, bool stream,
                                                                        std::vector<attached_file> files) {
    // Not make_shared: the constructor is private, and the views must be made over the string in its final
    // place.
    const std::shared_ptr<prepared_request> made(
        new prepared_request(what, std::move(json), stream, std::move(files)));
    result<std::vector<json::member>> members = json::members(made->json_);
    if (!members) return std::move(members).error();
    made->members_ = std::move(*members);
    const std::string_view name = made->find("model");
    if ((name.empty() || name == "null") && may_lack_model(what)) {
        made->name_ = capability_of(what);
        return std::shared_ptr<const prepared_request>(made);
    }
    if (name.empty()) {
        fault f(errc::bad_request, "missing required member 'model'");
        f.param = "model";
        return f;
    }
    result<std::string> text = json::string_value(name);
    if (!text || text->empty()) {
        fault f(errc::bad_request, "'model' must be a string that is not empty");
        f.param = "model";
        return f;
    }
    made->name_ = std::move(*text);
    return std::shared_ptr<const prepared_request>(made);
}

std::string_view prepared_request::find(std::string_view member_name) const noexcept {
    for (const json::member& m : members_)
        if (m.name == member_name) return m.value;
    return {};
}

} // namespace modelmesh
