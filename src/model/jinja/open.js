(function (host) {
"use strict";
var module = { exports: {} };
