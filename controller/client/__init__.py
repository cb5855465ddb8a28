"""The only package that calls an API server.

``load_config`` finds the cluster, ``Client`` talks to it. Requests are built and answers decoded by pure functions (``requests``,
``wire``); ``transport`` is the one place with sockets, credentials, time-outs and retries.
"""

from controller.client.client import Client as Client
from controller.client.client import WriteRecorder as WriteRecorder
from controller.client.config import ClientConfig as ClientConfig
from controller.client.config import in_cluster_namespace as in_cluster_namespace
from controller.client.config import load_config as load_config
from controller.client.config import static_config as static_config
from controller.client.official import official_client as official_client
from controller.client.ownership import FieldConflict as FieldConflict
from controller.client.ownership import conflicts_of as conflicts_of
from controller.client.ownership import extract_owned as extract_owned
from controller.client.pages import Pages as Pages
from controller.client.requests import APPLY_PATCH as APPLY_PATCH
from controller.client.requests import JSON_PATCH as JSON_PATCH
from controller.client.requests import MERGE_PATCH as MERGE_PATCH
from controller.client.settings import ConfigError as ConfigError
from controller.client.transport import NoMetrics as NoMetrics
from controller.client.transport import RequestMetrics as RequestMetrics
from controller.client.typed import Kind as Kind
from controller.client.typed import TypedClient as TypedClient
from controller.client.typed import TypedLister as TypedLister
from controller.client.wire import ListPage as ListPage
from controller.client.wire import RawPage as RawPage
from controller.client.wire import WatchEvent as WatchEvent
from controller.client.writes import Applied as Applied
from controller.client.writes import NotOwned as NotOwned
from controller.client.writes import Operation as Operation
from controller.client.writes import add_finalizer as add_finalizer
from controller.client.writes import create_or_patch as create_or_patch
from controller.client.writes import difference as difference
from controller.client.writes import remove_finalizer as remove_finalizer
