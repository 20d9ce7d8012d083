# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""A Hub on the loopback interface, in memory, with the part of its protocol that pushing and loading needs.

Models and data sets share their names. Weights and tables are uploaded by LFS, as on the real Hub.
"""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

OWNER = "me"
REPO = r"(?P<repo_id>[^/]+/[^/]+)"
API, DATASET = rf"/api/(models|datasets)/{REPO}", "(/datasets)?"
ROUTES = [
    (r"/api/validate-yaml", "validate_card"),
    (r"/api/repos/create", "create_repo"),
    (rf"{API}/branch/(?P<revision>[^/]+)", "create_branch"),
    (rf"{API}/preupload/(?P<revision>[^/]+)", "preupload"),
    (rf"{API}/commit/(?P<revision>[^/]+)", "commit"),
    (rf"{API}(/revision/(?P<revision>[^/]+))?", "model_info"),
    (rf"{API}/tree/(?P<revision>[^/]+)(/(?P<path>.+))?", "tree"),
    (rf"{DATASET}/{REPO}\.git/info/lfs/objects/batch", "lfs_batch"),
    (r"/lfs/(?P<oid>[0-9a-f]{64})", "lfs_upload"),
    (rf"{DATASET}/{REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", "resolve"),
]


class HubError(Exception):
    """An error response: HTTP status, and the code of the Hub that its client turns into an exception."""

    def __init__(self, status: int, code: str, **details: str):
        super().__init__(code)
        self.status, self.code, self.details = status, code, details


class Repository:
    """Commits (files by their paths) and the branches that point to them."""

    def __init__(self, private: bool):
        self.private = private
        self.commits: dict[str, dict[str, bytes]] = {}
        self.branches: dict[str, str] = {}
        self.commit("main", {})

    def commit(self, branch: str, files: dict[str, bytes]) -> str:
        sha = hashlib.sha1(f"{branch} {len(self.commits)}".encode()).hexdigest()
        self.commits[sha] = files
        self.branches[branch] = sha
        return sha

    def files(self, revision: str) -> tuple[str, dict[str, bytes]]:
        sha = self.branches.get(revision, revision)
        if sha not in self.commits:
            raise HubError(404, "RevisionNotFound")
        return sha, self.commits[sha]


class LoopbackHub:
    """
    The server, a context manager.

    Attributes:
        address: for `HF_ENDPOINT`.
        repositories: by their ids, for tests to inspect.
    """

    def __enter__(self):
        self.repositories: dict[str, Repository] = {}
        self.lfs: dict[str, bytes] = {}
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (HubHandler,), {"hub": self}))
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()

    def repository(self, repo_id: str) -> Repository:
        if repo_id not in self.repositories:
            raise HubError(404, "RepoNotFound")
        return self.repositories[repo_id]

    def unknown(self, body):
        raise HubError(404, "NotFound")

    def validate_card(self, body):
        return {"errors": [], "warnings": []}

    def create_repo(self, body):
        request = json.loads(body)
        repo_id = f"{request.get('organization') or OWNER}/{request['name']}"
        url = f"{self.address}/{repo_id}"
        if repo_id in self.repositories:
            raise HubError(409, "RepoExists", url=url)
        self.repositories[repo_id] = Repository(private=request.get("visibility") == "private")
        return {"url": url, "name": repo_id, "id": repo_id}

    def create_branch(self, body, repo_id, revision):
        branches = self.repository(repo_id).branches
        if revision in branches:
            raise HubError(409, "BranchExists")
        branches[revision] = branches["main"]
        return {}

    def preupload(self, body, repo_id, revision):
        _, files = self.repository(repo_id).files(revision)
        return {
            "files": [
                {
                    "path": file["path"],
                    "shouldIgnore": False,
                    "uploadMode": "lfs" if is_lfs(file["path"]) else "regular",
                    "oid": git_sha(files[file["path"]]) if file["path"] in files else None,
                }
                for file in json.loads(body)["files"]
            ]
        }

    def commit(self, body, repo_id, revision):
        repository = self.repository(repo_id)
        files = dict(repository.files(revision)[1])
        for line in filter(None, body.splitlines()):
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.lfs[value["oid"]]
            elif entry["key"] != "header":
                raise HubError(400, f"cannot commit {entry['key']}")
        sha = repository.commit(revision, files)
        return {"success": True, "commitOid": sha, "commitUrl": f"{self.address}/{repo_id}/commit/{sha}"}

    def model_info(self, body, repo_id, revision):
        repository = self.repository(repo_id)
        sha, files = repository.files(revision or "main")
        siblings = [{"rfilename": path} for path in sorted(files)]
        return {"id": repo_id, "sha": sha, "private": repository.private, "tags": [], "siblings": siblings}

    def tree(self, body, repo_id, revision, path=None):
        """The files and folders in a folder, without what is in those folders."""
        _, files = self.repository(repo_id).files(revision)
        folder = f"{path}/" if path else ""
        found = {}
        for name, content in sorted(files.items()):
            if name.startswith(folder):
                child, *below = name.removeprefix(folder).split("/", 1)
                kind = {"type": "directory"} if below else {"type": "file", "size": len(content)}
                found[child] = {**kind, "path": folder + child, "oid": git_sha(content)}
        if path and not found:
            raise HubError(404, "EntryNotFound")
        return list(found.values())

    def lfs_batch(self, body, repo_id):
        objects = json.loads(body)["objects"]
        for entry in objects:
            if entry["oid"] not in self.lfs:
                entry["actions"] = {"upload": {"href": f"{self.address}/lfs/{entry['oid']}"}}
        return {"transfer": "basic", "objects": objects}

    def lfs_upload(self, body, oid):
        if hashlib.sha256(body).hexdigest() != oid:
            raise HubError(400, "the content has another hash")
        self.lfs[oid] = body
        return {}

    def resolve(self, body, repo_id, revision, path):
        sha, files = self.repository(repo_id).files(revision)
        if path not in files:
            raise HubError(404, "EntryNotFound")
        content = files[path]
        etag = hashlib.sha256(content).hexdigest() if is_lfs(path) else git_sha(content)
        return content, {"X-Repo-Commit": sha, "ETag": f'"{etag}"'}


class HubHandler(BaseHTTPRequestHandler):
    """Call the method of [`LoopbackHub`] that answers an HTTP request, one at a time."""

    protocol_version = "HTTP/1.1"
    hub: LoopbackHub

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        matches = ((name, re.fullmatch(pattern, path)) for pattern, name in ROUTES)
        name, match = next((found for found in matches if found[1]), ("unknown", None))
        try:
            with self.hub.lock:
                result = getattr(self.hub, name)(body, **(match.groupdict() if match else {}))
        except HubError as error:
            content = json.dumps({"error": error.code, **error.details}).encode()
            return self.answer(error.status, content, {"X-Error-Code": error.code, "X-Error-Message": error.code})
        content, headers = result if isinstance(result, tuple) else (json.dumps(result).encode(), {})
        return self.answer(200, content, headers)

    def answer(self, status: int, content: bytes, headers: dict[str, str]):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = handle_any

    def log_message(self, *args):
        """Print nothing."""


def is_lfs(path: str) -> bool:
    return path.endswith((".safetensors", ".parquet"))


def git_sha(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
