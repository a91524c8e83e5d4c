// deno-lint-ignore-file -- what a compiler wrote
// Generator middlewares as TypeScript 5.9 compiles them for ES5: no generator objects, no generator functions. Both note
// what they see and try once more after a failure.

var __generator = (this && this.__generator) || function (thisArg, body) {
  var _ = {
      label: 0,
      sent: function () {
        if (t[0] & 1) throw t[1];
        return t[1];
      },
      trys: [],
      ops: [],
    },
    f,
    y,
    t,
    g = Object.create((typeof Iterator === "function" ? Iterator : Object).prototype);
  return g.next = verb(0),
    g["throw"] = verb(1),
    g["return"] = verb(2),
    typeof Symbol === "function" && (g[Symbol.iterator] = function () {
      return this;
    }),
    g;
  function verb(n) {
    return function (v) {
      return step([n, v]);
    };
  }
  function step(op) {
    if (f) throw new TypeError("Generator is already executing.");
    while (g && (g = 0, op[0] && (_ = 0)), _) {
      try {
        if (
          f = 1,
            y && (t = op[0] & 2 ? y["return"] : op[0] ? y["throw"] || ((t = y["return"]) && t.call(y), 0) : y.next) &&
            !(t = t.call(y, op[1])).done
        ) return t;
        if (y = 0, t) op = [op[0] & 2, t.value];
        switch (op[0]) {
          case 0:
          case 1:
            t = op;
            break;
          case 4:
            _.label++;
            return { value: op[1], done: false };
          case 5:
            _.label++;
            y = op[1];
            op = [0];
            continue;
          case 7:
            op = _.ops.pop();
            _.trys.pop();
            continue;
          default:
            if (!(t = _.trys, t = t.length > 0 && t[t.length - 1]) && (op[0] === 6 || op[0] === 2)) {
              _ = 0;
              continue;
            }
            if (op[0] === 3 && (!t || (op[1] > t[0] && op[1] < t[3]))) {
              _.label = op[1];
              break;
            }
            if (op[0] === 6 && _.label < t[1]) {
              _.label = t[1];
              t = op;
              break;
            }
            if (t && _.label < t[2]) {
              _.label = t[2];
              _.ops.push(op);
              break;
            }
            if (t[2]) _.ops.pop();
            _.trys.pop();
            continue;
        }
        op = body.call(thisArg, _);
      } catch (e) {
        op = [6, e];
        y = 0;
      } finally {
        f = t = 0;
      }
    }
    if (op[0] & 5) throw op[1];
    return { value: op[0] ? op[1] : void 0, done: true };
  }
};
var __await = (this && this.__await) || function (v) {
  return this instanceof __await ? (this.v = v, this) : new __await(v);
};
var __asyncGenerator = (this && this.__asyncGenerator) || function (thisArg, _arguments, generator) {
  if (!Symbol.asyncIterator) throw new TypeError("Symbol.asyncIterator is not defined.");
  var g = generator.apply(thisArg, _arguments || []), i, q = [];
  return i = Object.create((typeof AsyncIterator === "function" ? AsyncIterator : Object).prototype),
    verb("next"),
    verb("throw"),
    verb("return", awaitReturn),
    i[Symbol.asyncIterator] = function () {
      return this;
    },
    i;
  function awaitReturn(f) {
    return function (v) {
      return Promise.resolve(v).then(f, reject);
    };
  }
  function verb(n, f) {
    if (g[n]) {
      i[n] = function (v) {
        return new Promise(function (a, b) {
          q.push([n, v, a, b]) > 1 || resume(n, v);
        });
      };
      if (f) i[n] = f(i[n]);
    }
  }
  function resume(n, v) {
    try {
      step(g[n](v));
    } catch (e) {
      settle(q[0][3], e);
    }
  }
  function step(r) {
    r.value instanceof __await ? Promise.resolve(r.value.v).then(fulfill, reject) : settle(q[0][2], r);
  }
  function fulfill(value) {
    resume("next", value);
  }
  function reject(value) {
    resume("throw", value);
  }
  function settle(f, v) {
    if (f(v), q.shift(), q.length) resume(q[0][0], q[0][1]);
  }
};
export function retryOnce(log) {
  var result, error_1, result;
  return __generator(this, function (_a) {
    switch (_a.label) {
      case 0:
        log.push("before");
        _a.label = 1;
      case 1:
        _a.trys.push([1, , 7, 8]);
        _a.label = 2;
      case 2:
        _a.trys.push([2, 4, , 6]);
        return [4];
      case 3:
        result = _a.sent();
        log.push("saw ".concat(result));
        return [3, 6];
      case 4:
        error_1 = _a.sent();
        log.push("caught ".concat(error_1.message));
        return [4];
      case 5:
        result = _a.sent();
        log.push("saw ".concat(result));
        return [3, 6];
      case 6:
        return [3, 8];
      case 7:
        log.push("closed");
        return [7];
      case 8:
        return [2];
    }
  });
}
export function retryOnceAsync(log) {
  return __asyncGenerator(this, arguments, function retryOnceAsync_1() {
    var result, error_2, result;
    return __generator(this, function (_a) {
      switch (_a.label) {
        case 0:
          log.push("before");
          _a.label = 1;
        case 1:
          _a.trys.push([1, , 9, 10]);
          _a.label = 2;
        case 2:
          _a.trys.push([2, 5, , 8]);
          return [4, __await(void 0)];
        case 3:
          return [4, _a.sent()];
        case 4:
          result = _a.sent();
          log.push("saw ".concat(result));
          return [3, 8];
        case 5:
          error_2 = _a.sent();
          log.push("caught ".concat(error_2.message));
          return [4, __await(void 0)];
        case 6:
          return [4, _a.sent()];
        case 7:
          result = _a.sent();
          log.push("saw ".concat(result));
          return [3, 8];
        case 8:
          return [3, 10];
        case 9:
          log.push("closed");
          return [7];
        case 10:
          return [2];
      }
    });
  });
}
