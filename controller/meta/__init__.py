"""Kubernetes objects as plain JSON: keys, owners, conditions, selectors, patches, versions, times and errors. Pure.

Nothing here knows a kind, reads a clock or does I/O.
"""

from controller.meta import jsonio as jsonio
from controller.meta.canonical import canonical_json as canonical_json
from controller.meta.canonical import digest as digest
from controller.meta.conditions import conditions_of as conditions_of
from controller.meta.conditions import find_condition as find_condition
from controller.meta.conditions import is_condition_true as is_condition_true
from controller.meta.conditions import set_condition as set_condition
from controller.meta.difference import ABSENT as ABSENT
from controller.meta.difference import KUBERNETES as KUBERNETES
from controller.meta.difference import Comparison as Comparison
from controller.meta.difference import FieldRules as FieldRules
from controller.meta.difference import changed_fields as changed_fields
from controller.meta.merge import PatchError as PatchError
from controller.meta.merge import covers as covers
from controller.meta.merge import equal_json as equal_json
from controller.meta.merge import json_patch as json_patch
from controller.meta.merge import merge_patch as merge_patch
from controller.meta.objects import UNDECODABLE as UNDECODABLE
from controller.meta.objects import NamespacedName as NamespacedName
from controller.meta.objects import Object as Object
from controller.meta.objects import Resource as Resource
from controller.meta.objects import annotations_of as annotations_of
from controller.meta.objects import generation_of as generation_of
from controller.meta.objects import is_deleting as is_deleting
from controller.meta.objects import key_of as key_of
from controller.meta.objects import labels_of as labels_of
from controller.meta.objects import metadata_of as metadata_of
from controller.meta.objects import name_of as name_of
from controller.meta.objects import namespace_of as namespace_of
from controller.meta.objects import owner_references_of as owner_references_of
from controller.meta.objects import resource_version_of as resource_version_of
from controller.meta.objects import spec_of as spec_of
from controller.meta.objects import status_of as status_of
from controller.meta.objects import uid_of as uid_of
from controller.meta.owners import controller_of as controller_of
from controller.meta.owners import controller_reference as controller_reference
from controller.meta.owners import is_controlled_by as is_controlled_by
from controller.meta.quantity import parse_quantity as parse_quantity
from controller.meta.quantity import same_quantity as same_quantity
from controller.meta.selectors import FieldSelector as FieldSelector
from controller.meta.selectors import LabelSelector as LabelSelector
from controller.meta.shards import Shard as Shard
from controller.meta.times import format_micro_time as format_micro_time
from controller.meta.times import format_time as format_time
from controller.meta.times import parse_time as parse_time
from controller.meta.versions import is_newer as is_newer
from controller.meta.versions import parse_version as parse_version
