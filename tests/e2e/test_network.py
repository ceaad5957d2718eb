"""Certificates and proxies: what curl's users set in the environment holds for the HTTP clients as well."""

import json

import pytest

from conftest import KEY, environment
from model_servers import ModelServer
from network import Authority, Proxy

HOST = "models.example"  # nobody's; only a proxy of the tests reaches it
LOGIN = "somebody:proxy-PASSWORD-0123"


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="session")
def secure(authority):
    """Servers of https, by the names in their certificates."""
    def server(name="IP:127.0.0.1", host="127.0.0.1"):
        return ModelServer(tls=authority.issue(name), host=host)

    return server


def test_an_own_authority_is_trusted_when_it_is_named(ask, authority, stranger, secure):
    file, folder, other = authority.file, authority.folder, stranger.file
    with secure() as server:
        for distrust in ({}, {"CURL_CA_BUNDLE": other}, {"SSL_CERT_FILE": other}, {"SSL_CERT_DIR": stranger.folder},
                         {"CURL_CA_BUNDLE": other, "SSL_CERT_FILE": file}):  # the first one counts, as for curl
            asked = ask(server, "openai", retries=2, env=distrust)
            assert asked.failure == "network" and asked.error.startswith("SSL certificate problem: "), distrust
            assert asked.error.endswith("name the file of its certificate (PEM) in SSL_CERT_FILE or CURL_CA_BUNDLE")
        assert server.requests == [], "nothing goes to a server that is not trusted"
        for trust in ({"CURL_CA_BUNDLE": file}, {"SSL_CERT_FILE": file}, {"SSL_CERT_DIR": folder},
                      {"CURL_CA_BUNDLE": file, "SSL_CERT_FILE": other}):
            asked = ask(server, "openai", env=trust)
            assert asked.failure == "none", (trust, asked.error)
            assert server.requests.pop().headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("api", ["openai", "anthropic", "gemini"])
def test_the_certificate_must_be_the_hosts(ask, authority, secure, api):
    with secure(f"DNS:{HOST}") as server:
        asked = ask(server, api, env={"SSL_CERT_FILE": authority.file})
    assert asked.failure == "network" and server.requests == []
    assert "127.0.0.1" in asked.error and "base_url has to name the host as its certificate does" in asked.error


def test_a_file_of_certificates_that_cannot_be_read(ask, secure, tmp_path):
    (tmp_path / "empty.pem").write_text("nothing\n")
    with secure() as server:
        for variable in ("CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            for name in ("absent.pem", "empty.pem"):
                asked = ask(server, "openai", env={variable: tmp_path / name})
                assert asked.failure == "network" and name in asked.error, asked.error
                assert "check CURL_CA_BUNDLE, SSL_CERT_FILE and SSL_CERT_DIR" in asked.error
    assert server.requests == []


def test_a_server_without_tls(ask):
    with ModelServer() as server:
        asked = ask(server, "openai", base_url=server.base_url("openai").replace("http:", "https:"))
    assert asked.failure == "network" and "does the server of base_url speak https?" in asked.error


def test_a_ping_over_tls(banyan, authority, secure):
    with secure() as server:
        pool = banyan.write("pool.toml", server.entry("anthropic"))
        assert "SSL_CERT_FILE" in banyan("models", pool, "--ping", env=environment()).out
        assert "answers in" in banyan.ok("models", pool, "--ping", env=environment(SSL_CERT_FILE=authority.file)).out


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy"])
def test_plain_http_goes_by_the_proxy(ask, variable):
    with ModelServer(host=HOST) as server, Proxy() as proxy:
        asked = ask(server, "openai", env={variable: proxy.url})
    assert asked.failure == "none", asked.error
    assert [(passed.method, passed.target) for passed in proxy.requests] == [
        ("POST", f"http://{HOST}:{server.port}/v1/chat/completions")]
    assert server.requests[0].path == "/v1/chat/completions"


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY"])
def test_https_goes_through_a_tunnel_that_sees_no_key(ask, authority, secure, variable):
    with secure(f"DNS:{HOST}", HOST) as server, Proxy() as proxy:
        asked = ask(server, "openai", env={variable: proxy.url, "http_proxy": "http://127.0.0.1:1",
                                           "CURL_CA_BUNDLE": authority.file})
    assert asked.failure == "none", asked.error
    (passed,) = proxy.requests
    assert (passed.method, passed.target) == ("CONNECT", f"{HOST}:{server.port}")
    assert "authorization" not in passed.headers and KEY not in str(passed.headers)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_no_proxy_names_hosts_to_reach_without_one(ask, authority, secure, variable):
    with ModelServer() as plain, secure() as server, Proxy() as proxy:
        env = {"http_proxy": proxy.url, "https_proxy": proxy.url, "SSL_CERT_FILE": authority.file}
        for target in (plain, server):
            assert ask(target, "openai", env={**env, variable: "elsewhere.example,127.0.0.1"}).failure == "none"
        assert proxy.requests == []
        for target in (plain, server):
            assert ask(target, "openai", env={**env, variable: "elsewhere.example"}).failure == "none"
        assert [passed.method for passed in proxy.requests] == ["POST", "CONNECT"]


def test_plain_http_does_not_go_by_what_a_web_client_may_set(ask):
    with ModelServer() as server:  # as curl: HTTP_PROXY could be a header of a request to a CGI program
        assert ask(server, "openai", env={"HTTP_PROXY": "http://127.0.0.1:1"}).failure == "none"


@pytest.mark.parametrize("tls", [False, True])
def test_a_proxy_that_wants_a_password(ask, authority, secure, tls):
    variable = "https_proxy" if tls else "http_proxy"
    with (secure(f"DNS:{HOST}", HOST) if tls else ModelServer(host=HOST)) as server, Proxy(login=LOGIN) as proxy:
        env = {"SSL_CERT_FILE": authority.file}
        refused = [ask(server, "openai", retries=2, env={**env, variable: f"http://{login}{proxy.address}"})
                   for login in ("", "somebody:a-wrong-PASSWORD@")]
        assert len(proxy.requests) == 2, "a refusal is not asked again"
        assert server.requests == []
        asked = ask(server, "openai", env={**env, variable: f"http://{LOGIN}@{proxy.address}"})
    for refusal in refused:
        assert "407" in refusal.error and "PASSWORD-" not in json.dumps(refusal.replies)
        assert f"check the proxy in {variable}, which may want a name and password" in refusal.error
    assert asked.failure == "none", asked.error
    assert "proxy-authorization" not in server.requests[0].headers
    assert LOGIN.partition(":")[2] not in json.dumps(asked.replies)


@pytest.mark.parametrize("variable, scheme", [("http_proxy", "http"), ("https_proxy", "https"), ("all_proxy", "https")])
def test_a_dead_proxy_is_named(ask, variable, scheme):
    with Proxy() as gone:
        pass
    with ModelServer(host=HOST) as server:
        asked = ask(server, "openai", base_url=f"{scheme}://{HOST}/v1", retries=1, env={variable: gone.url})
    assert asked.failure == "network" and "(2 tries)" in asked.error
    assert f"port {gone.address.partition(':')[2]} " in asked.error, "that is what was not reached"
    assert f"is the server of {scheme}://{HOST}/v1/chat/completions running and reachable?" in asked.error
    assert asked.error.endswith(f"The way is by the proxy in {variable}, unless no_proxy names the host")
    assert asked.usage["tokens_in"] == 0, "nothing was sent"


def test_a_proxy_that_does_not_reach_the_server(ask):
    with ModelServer(host=HOST) as server, Proxy(refusal=502) as proxy:
        asked = ask(server, "openai", base_url=f"https://{HOST}/v1", retries=1, env={"https_proxy": proxy.url})
    assert len(proxy.requests) == 2, "that may pass"
    assert asked.failure == "network" and "502" in asked.error and "https_proxy" in asked.error
    assert asked.usage["tokens_in"] == 0, "nothing was sent"


@pytest.mark.parametrize("address", ["http://{}@[bad", "nonsense://{}@127.0.0.1:1"])
def test_a_proxy_that_is_none_keeps_its_password(ask, address):
    with ModelServer(host=HOST) as server:
        asked = ask(server, "openai", retries=0, env={"http_proxy": address.format(LOGIN)})
    assert asked.failure == "network" and "PASSWORD" not in json.dumps(asked.replies)
    assert "the address of the proxy in http_proxy is not understood" in asked.error
