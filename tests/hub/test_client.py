"""A student at a browser: the form of the log-in page, and what a cell answered."""

import http.server
import threading

import client
import pytest


class Stub(http.server.BaseHTTPRequestHandler):
    """A hub's log-in page: lets in who sends name, password, the field of the form and its cookie."""

    page = '<p>x</p><form action="/hub/login?next=" method="post"><input type="hidden" name="_xsrf" value="a&amp;b"/>'
    page += '<input name="username"/><input type="password" name="password"/></form>'

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(200)
        self.send_header("Set-Cookie", "_xsrf=cookie; Path=/hub/")
        self.end_headers()
        self.wfile.write(self.page.encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        fine = body == "_xsrf=a%26b&username=ada&password=right" and "_xsrf=cookie" in self.headers.get("Cookie", "")
        self.send_response(302 if fine else 403)
        self.send_header("Location", "/hub/home")
        self.end_headers()
        if not fine:
            self.wfile.write(b'<p class="login_error">Invalid username or password</p>')


@pytest.fixture
def stub():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_student_logs_in_with_the_form_and_its_hidden_field(stub):
    client.log_in(client.Student(stub, "ada", "right"))
    with pytest.raises(client.HubError, match="ada was not let in: Invalid username or password"):
        client.log_in(client.Student(stub, "ada", "wrong"))


def test_a_form_without_protection_is_refused():
    action, hidden = client.form_of(Stub.page)
    assert (action, hidden) == ("/hub/login?next=", {"_xsrf": "a&b"})
    with pytest.raises(client.HubError, match="_xsrf"):
        client.form_of(Stub.page.replace("_xsrf", "other"))
    with pytest.raises(client.HubError, match="no login form"):
        client.form_of("<form action='/search'></form>")


def test_an_error_in_a_cell_is_told():
    def answer(status, kind=None, **content):
        return client.Answer(status, [{"msg_type": kind, "content": content}] if kind else [])

    assert answer("ok").error == ""
    assert answer("ok", "stream", name="stderr", text="a warning").error == ""
    assert answer("error", "error", ename="ValueError", evalue="two\nlines").error == "ValueError: two"
    assert answer("aborted").error == "the kernel answered 'aborted'"
    assert "rate exceeded" in answer("ok", "stream", name="stderr", text="IOPub data rate exceeded.").error
    assert answer("ok", "execute_result", data={"text/plain": "42"}).text == "42"
