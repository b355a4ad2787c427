#include <modelmesh/connector/prepared_request.hpp>

namespace modelmesh {

prepared_request::prepared_request(wire_family family, std::string json, bool stream)
    : family_(family), stream_(stream), json_(std::move(json)) {}

result<std::shared_ptr<const prepared_request>> prepared_request::parse(wire_family family, std::string json,
                                                                        bool stream) {
    // Not make_shared: the constructor is private, and the views must be made over the string in its final
    // place.
    const std::shared_ptr<prepared_request> made(new prepared_request(family, std::move(json), stream));
    result<std::vector<json::member>> members = json::members(made->json_);
    if (!members) return std::move(members).error();
    made->members_ = std::move(*members);
    const std::string_view name = made->find("model");
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
