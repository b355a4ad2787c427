// What a user of one typed answer compiles.
#include <modelmesh/modelmesh.hpp>

#include <cstdio>
#include <optional>
#include <string>

struct event {
    std::string title{};
    std::optional<std::string> place{};
    int people{};
};

modelmesh::task<> ask() {
    modelmesh::client client = modelmesh::create("chat-completion");
    modelmesh::chat::request request;
    request.model = "chat-completion";
    request.messages = {modelmesh::chat::user("Dinner with Ada and Grace at the harbour on Friday.")};
    const modelmesh::chat::parsed<event> answer = co_await client.chat.completions.parse<event>(request);
    std::printf("%s for %d\n", answer.value.title.c_str(), answer.value.people);
}

int main() { modelmesh::run(ask()); }
