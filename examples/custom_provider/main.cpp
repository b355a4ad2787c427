// A provider whose format is not OpenAI's chat, in one class. This one speaks the older format for completing
// texts: {"prompt": ...} becomes {"choices": [{"text": ...}]}.
//   custom_provider ["question"]      with OPENAI_BASE_URL set to a server that has /completions
#include <modelmesh/connector/chat_provider.hpp>
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>
#include <modelmesh/modelmesh.hpp>

#include <cstdlib>
#include <iostream>
namespace mm = modelmesh;

struct completion_request { // goes over the wire: members are the keys
    std::string model{};
    std::string prompt{};
};
struct completion {
    std::string text{};
};
struct completion_reply {
    std::vector<completion> choices{};
};

class completing final : public mm::connector::chat_provider {
    mm::result<void> write_request(const mm::chat::request& asked, const mm::connector::target& to,
                                   mm::http::request& output) const override {
        completion_request sent{std::string(to.model), ""};
        for (const mm::chat::message& each : asked.messages) sent.prompt.append(each.text()).append("\n");
        output.target += "/completions";
        output.body = mm::json::write(sent);
        return {};
    }
    mm::result<mm::chat::reply> read_reply(std::string_view body) const override {
        const auto read = mm::json::read<completion_reply>(body);
        if (!read) return read.error();
        mm::chat::reply reply;
        for (const completion& each : read->choices)
            reply.choices.emplace_back().message = mm::chat::assistant(each.text);
        return reply;
    }
};

int main(int argc, char** argv) try {
    mm::connector::registry connectors;
    connectors.add_provider("acme.completions.v1", [] { return std::make_unique<completing>(); }).value();
    mm::config config;
    mm::provider_config& acme = config.providers.emplace_back("acme", mm::provider_config{}).second;
    acme.connector = "acme.completions.v1";
    acme.base_url = std::getenv("OPENAI_BASE_URL");
    mm::client client = mm::create(config, connectors);

    mm::chat::request request{"chat-completion", {mm::chat::user(argc > 1 ? argv[1] : "Who are you?")}};
    const mm::chat::reply reply = mm::run(client.chat.completions.create(request));
    std::cout << reply.text() << "\n(" << reply.x_modelmesh->model << ")\n";
} catch (const std::exception& failure) {
    std::cerr << "error: " << failure.what() << "\n";
    return 1;
}
